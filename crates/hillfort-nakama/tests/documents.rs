//! docs/nakama.md and docs/openapi.json are what the tables say. `UPDATE_DOCS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use hillfort_nakama::{openapi, reference};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn check(name: &str, wanted: &str) {
    let path = docs().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == wanted,
        "docs/{name} is not what the tables say: run this test with UPDATE_DOCS=1"
    );
}

/// The page with the part between two marks replaced.
fn filled(page: &str, mark: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {mark}: made from the table -->\n"), format!("<!-- end of {mark} -->"));
    let start = page.find(&begin).unwrap_or_else(|| panic!("docs/nakama.md has no mark {mark}")) + begin.len();
    let stop = start + page[start..].find(&end).unwrap_or_else(|| panic!("docs/nakama.md has no end of {mark}"));
    format!("{}\n{text}\n{}", &page[..start], &page[stop..])
}

#[test]
fn the_reference_is_up_to_date() {
    let page = fs::read_to_string(docs().join("nakama.md")).unwrap();
    let page = filled(&page, "calls", &reference::calls());
    check("nakama.md", &filled(&page, "messages", &reference::messages()));
}

#[test]
fn the_openapi_document_is_up_to_date() {
    check("openapi.json", &format!("{:#}\n", openapi::document()));
}
