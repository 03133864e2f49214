//! Rust types of the session's messages, from schema/session.proto. The output is committed, so that nobody needs this to build;
//! protox reads the schema, so that nobody needs protoc to run it.

use std::fs;

use anyhow::{Context, bail};

use crate::shell::root;

const SCHEMA: &str = "crates/hillfort-proto/schema";
const OUTPUT: &str = "crates/hillfort-proto/src/message/schema.rs";

pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let wanted = generated()?;
    let path = root().join(OUTPUT);
    if !check {
        fs::write(&path, &wanted)?;
    } else if fs::read_to_string(&path).unwrap_or_default() != wanted {
        bail!("{OUTPUT} is not what `cargo xtask codegen` writes: run it");
    }
    println!("codegen: {OUTPUT}, {} lines", wanted.lines().count());
    Ok(())
}

fn generated() -> anyhow::Result<String> {
    let schema = root().join(SCHEMA);
    let files = protox::compile(["session.proto"], [&schema]).context("session.proto does not compile")?;
    let requests =
        files.file.into_iter().map(|file| (prost_build::Module::from_protobuf_package_name(file.package()), file)).collect();
    let modules = prost_build::Config::new().generate(requests)?;
    match modules.into_values().collect::<Vec<_>>().as_slice() {
        [only] => Ok(only.clone()),
        more => bail!("the schema has {} packages, one is expected", more.len()),
    }
}
