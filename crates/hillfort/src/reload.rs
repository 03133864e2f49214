//! SIGHUP: what of the configuration takes effect without a new start. Everything is read and checked before anything changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use hillfort_guard::Regions;
use hillfort_modules::Runtime;
use tokio::signal::unix::Signal;
use tokio::sync::oneshot;

use crate::config::{ConfigError, Settings};
use crate::modules;
use crate::regions;
use crate::watch::Watch;

/// Reads the configuration anew at each SIGHUP and gives the guard all of its settings, limits, prefixes and keys, and the table of regions,
/// and the doors the certificate; then loads the modules anew. Other settings take effect at the next start. A configuration with a mistake changes nothing.
pub(crate) async fn at_each(
    mut signals: Signal,
    watch: &Watch,
    modules: &Runtime,
    running: &Settings,
    load: &dyn Fn() -> Result<Settings, ConfigError>,
) {
    let mut certificate = running.edge.certificate.clone();
    while signals.recv().await.is_some() {
        let wanted = match load() {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::error!("not reloaded, the configuration is wrong:\n{error}");
                continue;
            }
        };
        // The doors are open at an address that was checked with the keys of then.
        if wanted.development != running.development {
            tracing::error!("not reloaded: development mode can only be entered or left by a new start");
            continue;
        }
        let regions = match read_regions(wanted.regions_files).await {
            Ok(regions) => regions,
            Err(error) => {
                tracing::error!("not reloaded, regions.files: {error}");
                continue;
            }
        };
        // Sessions of TLS are not continued with another certificate: one that is the same stays.
        if let Some(new) = wanted.edge.certificate.filter(|new| certificate.as_ref() != Some(new)) {
            if let Err(error) = watch.replace_certificate(&new).await {
                tracing::error!("not reloaded, edge.tls_certificate: {error}");
                continue;
            }
            tracing::info!("reloaded: new connections get the new certificate");
            certificate = Some(new);
        }
        let ranges = regions.ranges();
        match watch.replace_regions(Arc::new(regions)).await.and_then(|()| watch.replace_guard(wanted.edge.guard)) {
            Ok(()) => tracing::info!(ranges, "reloaded: the guard has the settings of the configuration"),
            Err(error) => {
                tracing::error!(%error, "not reloaded");
                continue;
            }
        }
        modules::reload(modules).await;
    }
    // The system delivers no more of them: what was configured stays.
    std::future::pending::<()>().await;
}

/// On a thread of its own, because files may be large and disks slow: the server can be told to end meanwhile, and does not wait for it.
async fn read_regions(files: Vec<PathBuf>) -> anyhow::Result<Regions> {
    let (answer, read) = oneshot::channel();
    thread::Builder::new().name("regions".into()).spawn(move || drop(answer.send(regions::load(&files))))?;
    Ok(read.await??)
}
