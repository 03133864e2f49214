//! Modules as a server runs them.

mod calls;
mod corpus;
mod functions;
mod hostile;
mod matches;
mod memory;
mod reload;
mod requests;
mod rig;

#[test]
fn the_reference_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runtime.md");
    let wanted = hillfort_modules::reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &wanted).expect("writes");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/runtime.md is old: UPDATE_REFERENCE=1 cargo nextest run -p hillfort-modules reference");
}
