//! The page's files: embedded in the binary, or read from a folder while somebody works on them.

use std::borrow::Cow;
use std::path::Path;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::files::{content_type, stays_inside};

#[derive(RustEmbed)]
#[folder = "../../console"]
struct Embedded;

/// Answers a request for a file; `/` is the page itself.
pub(super) fn respond(uri: &Uri, folder: Option<&Path>) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    match read(path, folder) {
        Some(bytes) => ([(CONTENT_TYPE, content_type(path)), (CACHE_CONTROL, "no-cache")], bytes).into_response(),
        None => (StatusCode::NOT_FOUND, "no such page").into_response(),
    }
}

fn read(path: &str, folder: Option<&Path>) -> Option<Cow<'static, [u8]>> {
    match folder {
        None => Embedded::get(path).map(|file| file.data),
        Some(folder) if stays_inside(path) => std::fs::read(folder.join(path)).ok().map(Cow::Owned),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_embedded_and_asks_for_nothing_from_elsewhere() {
        let page = read("index.html", None).expect("the page is embedded");
        assert!(page.starts_with(b"<!doctype html>"));
        for name in Embedded::iter() {
            let text = String::from_utf8(read(&name, None).unwrap().into_owned()).unwrap();
            for (at, _) in text.match_indices("://") {
                let around = &text[at.saturating_sub(5)..(at + 24).min(text.len())];
                assert!(around.contains("www.w3.org/2000/svg") || around.contains("://${"), "{name}: {around}");
            }
        }
    }

    #[test]
    fn an_override_folder_replaces_the_embedded_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "mine").unwrap();
        assert_eq!(read("index.html", Some(folder.path())).as_deref(), Some(b"mine".as_slice()));
        assert_eq!(read("console.js", Some(folder.path())), None);
    }
}
