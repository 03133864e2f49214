//! What every page of ours shares about files: their type by ending, and that no path leads out of a folder.

use std::path::{Component, Path};

/// Media type of a file, by its ending.
pub(crate) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// Whether `path` can be joined to a folder without leading out of it.
pub(crate) fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for (path, inside) in [
            ("css/main.css", true),
            ("../secret", false),
            ("css/../../secret", false),
            ("/etc/passwd", false),
            ("./../x", false),
            ("..", false),
        ] {
            assert_eq!(stays_inside(path), inside, "{path}");
        }
    }
}
