//! The server runtime in this server: the game of its match handlers, its start when all is there that modules may ask for, and reloads. Knows
//! nothing of what modules do.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::HANDLER_GAME;
use hillfort_matches::{HandlerRoom, Maker, Workshop};
use hillfort_modules::backend::Backend;
use hillfort_modules::source::{self, Finding};
use hillfort_modules::{Runtime, Settings};
use hillfort_realm::Game;
use hillfort_world::Room;

/// Findings that one error tells of.
const FINDINGS_SHOWN_MAX: usize = 20;

/// Modules that are loaded when the realm runs already, which makes rooms of them. A clone is another handle to the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Modules(Arc<OnceLock<Runtime>>);

/// Modules that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub(crate) struct Refused(Vec<Finding>);

impl Modules {
    /// The game whose rooms are matches of modules.
    pub(crate) fn game(&self, cipher: &RoomCipher, node: &str) -> Game {
        let loaded = self.clone();
        let maker: Maker = Arc::new(move |home, module, match_id, params| match loaded.0.get() {
            Some(runtime) => runtime.match_handler(home, module, match_id, params),
            None => Err("match_create: matches can be made when all modules are loaded, not while they are".to_owned()),
        });
        let (cipher, node, homes) = (cipher.clone(), Arc::<str>::from(node), AtomicUsize::new(0));
        // Called once on each world thread, whose matches share VMs.
        let made = Game::new(HANDLER_GAME, move || {
            let (maker, home) = (Arc::clone(&maker), homes.fetch_add(1, Relaxed));
            let workshop = Workshop { maker, home, cipher: cipher.clone(), node: Arc::clone(&node) };
            Ok(Box::new(move || Ok(Box::new(HandlerRoom::new(workshop.clone())) as Box<dyn Room>)))
        });
        made.expect("the name is good")
    }

    /// Loads the modules of the folder. Blocks until that is done.
    ///
    /// # Errors
    /// What is wrong with them, with file and line.
    pub(crate) fn start(&self, settings: Settings, backend: Arc<dyn Backend>) -> Result<Runtime, Refused> {
        let runtime = Runtime::start(settings, backend).map_err(Refused)?;
        Ok(self.0.get_or_init(|| runtime).clone())
    }
}

/// Looks through the modules of the folder and runs none of them.
///
/// # Errors
/// What is wrong with them, with file and line.
pub(crate) fn check(settings: &Settings) -> Result<(), Refused> {
    let sources = source::read(&settings.folder).map_err(Refused)?;
    source::compile(&sources, settings.unsupported).map(drop).map_err(Refused)
}

/// Loads them anew, and logs what came of it.
pub(crate) async fn reload(runtime: &Runtime) {
    match runtime.reload().await {
        Ok(generation) => tracing::info!(generation, modules = runtime.status().modules.len(), "reloaded: the modules"),
        Err(findings) => tracing::error!("not reloaded, modules.folder:\n{}", lines(&findings)),
    }
}

fn lines(findings: &[Finding]) -> String {
    let mut lines: Vec<_> = findings.iter().take(FINDINGS_SHOWN_MAX).map(Finding::to_string).collect();
    if findings.len() > lines.len() {
        lines.push(format!("and {} more", findings.len() - lines.len()));
    }
    lines.join("\n")
}
