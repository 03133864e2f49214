//! Rust code of messages, from the schemas. The output is committed, so that nobody needs this to build; protox reads the schemas,
//! so that nobody needs protoc to run it.

mod tables;

use std::fs;

use anyhow::{Context, bail};
use prost_build::Module;

use crate::shell::root;

/// Folder of schemas, schemas, and for each package the file that it becomes.
type Schema = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const SESSION: Schema = (
    "crates/hillfort-proto/schema",
    &["session.proto"],
    &[("hillfort.session.v1", "crates/hillfort-proto/src/message/schema.rs")],
);

const NAKAMA: Schema = (
    "crates/hillfort-api/schema",
    &["nakama/api.proto", "nakama/realtime.proto"],
    &[("nakama.api", "crates/hillfort-api/src/api.rs"), ("nakama.realtime", "crates/hillfort-api/src/realtime.rs")],
);

const TABLES: &str = "crates/hillfort-api/src/tables.rs";

pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let mut bytes_as_buffers = prost_build::Config::new();
    bytes_as_buffers.bytes(["."]).btree_map(["."]);
    let mut wanted = types(&SESSION, prost_build::Config::new())?;
    wanted.extend(types(&NAKAMA, bytes_as_buffers)?);
    wanted.push((TABLES, tables::text(&descriptors(&NAKAMA)?)?));
    for (output, text) in wanted {
        let path = root().join(output);
        if !check {
            fs::write(&path, &text)?;
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{output} is not what `cargo xtask codegen` writes: run it");
        }
        println!("codegen: {output}, {} lines", text.lines().count());
    }
    Ok(())
}

fn descriptors((folder, files, _): &Schema) -> anyhow::Result<prost_types::FileDescriptorSet> {
    protox::compile(*files, [root().join(folder)]).with_context(|| format!("{folder} does not compile"))
}

fn types(schema: &Schema, mut config: prost_build::Config) -> anyhow::Result<Vec<(&'static str, String)>> {
    let requests =
        descriptors(schema)?.file.into_iter().map(|file| (Module::from_protobuf_package_name(file.package()), file)).collect();
    let mut modules = config.generate(requests)?;
    let (_, _, outputs) = schema;
    let texts = outputs.iter().map(|(package, output)| {
        let text = modules.remove(&Module::from_protobuf_package_name(package));
        anyhow::Ok((*output, text.with_context(|| format!("there is no package {package}"))?))
    });
    texts.collect()
}
