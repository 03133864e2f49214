//! Files that say which autonomous system and country an address belongs to, read into the table of the guard: ranges as text (the shape
//! of iptoasn.com) or MaxMind databases, told apart by their bytes. Several files lie over each other. Owns no data: none ships.

use std::path::{Path, PathBuf};

use hillfort_guard::{Range, Regions, RegionsError};

mod maxmind;
mod overlay;

use maxmind::MaxMindError;

/// Largest file that is read; the whole Internet takes 30 MB as text.
const BYTES_MAX: u64 = 1 << 30;
/// What a MaxMind database has near its end, and no text has.
const MAXMIND_MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A file that gives no table.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub(crate) struct RegionsFileError {
    file: String,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    #[error("is longer than {BYTES_MAX} bytes")]
    Long,
    #[error("is neither a MaxMind database nor text")]
    Text,
    #[error(transparent)]
    Ranges(#[from] RegionsError),
    #[error(transparent)]
    MaxMind(#[from] MaxMindError),
}

/// One table of all files; where two know something of an address, the earlier one counts. No file: an empty table.
///
/// # Errors
/// [`RegionsFileError`], with the file and, in a text, the line.
pub(crate) fn load(files: &[PathBuf]) -> Result<Regions, RegionsFileError> {
    let mut all: Vec<Vec<Range>> = Vec::new();
    for file in files {
        let named = |why| RegionsFileError { file: file.display().to_string(), why };
        match read(file).map_err(named)? {
            // Most have one file, and need nothing laid over anything.
            Shape::Text(text) if files.len() == 1 => return Regions::from_tsv(&text).map_err(|error| named(error.into())),
            Shape::Text(text) => all.push(Regions::ranges_of_tsv(&text).map_err(|error| named(error.into()))?),
            Shape::MaxMind(bytes) => all.push(maxmind::ranges(bytes).map_err(|error| named(error.into()))?),
        }
    }
    let laid = overlay::lay(all);
    let files = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" over ");
    Regions::from_ranges(laid).map_err(|error| RegionsFileError { file: files, why: error.into() })
}

enum Shape {
    Text(String),
    MaxMind(Vec<u8>),
}

fn read(file: &Path) -> Result<Shape, Why> {
    if std::fs::metadata(file).map_err(Why::Read)?.len() > BYTES_MAX {
        return Err(Why::Long);
    }
    let bytes = std::fs::read(file).map_err(Why::Read)?;
    // The format says: within the last 128 KiB.
    let tail = &bytes[bytes.len().saturating_sub(128 * 1024)..];
    if tail.windows(MAXMIND_MARK.len()).any(|window| window == MAXMIND_MARK) {
        return Ok(Shape::MaxMind(bytes));
    }
    String::from_utf8(bytes).map(Shape::Text).map_err(|_| Why::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    const TEXT: &str = "# synthetic ranges of documentation prefixes\n192.0.2.0\t192.0.2.127\t64510\tXT\tExample Text\n\
        203.0.113.0\t203.0.113.255\t0\tNone\tNot routed\n";

    fn place(regions: &Regions, addr: &str) -> (u32, String) {
        let place = regions.place(addr.parse().unwrap());
        (place.asn, place.country.as_str().to_owned())
    }

    fn check(regions: &Regions, rows: &[(&str, u32, &str)]) {
        for (addr, asn, country) in rows {
            assert_eq!(place(regions, addr), (*asn, (*country).to_owned()), "{addr}");
        }
    }

    #[test]
    fn databases_of_systems_and_countries_lie_over_each_other() {
        let files = ["asn.mmdb", "country.mmdb"].map(|name| Path::new(FIXTURES).join(name));
        check(
            &load(&files).unwrap(),
            &[
                ("192.0.2.0", 64500, "ZZ"),
                ("192.0.2.255", 64500, "ZZ"),
                ("192.0.3.0", 0, "--"),
                ("198.51.100.127", 64501, "--"),
                ("198.51.100.128", 0, "--"),
                ("203.0.113.9", 0, "XA"),
                ("2001:db8:1::7", 64502, "XB"),
                ("2001:db8:2::7", 0, "--"),
            ],
        );
        check(&load(&files[..1]).unwrap(), &[("192.0.2.0", 64500, "--")]);
        check(&load(&[]).unwrap(), &[("192.0.2.0", 0, "--")]);
    }

    #[test]
    fn the_earlier_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("ranges.tsv");
        std::fs::write(&text, TEXT).unwrap();
        check(
            &load(std::slice::from_ref(&text)).unwrap(),
            &[("192.0.2.127", 64510, "XT"), ("192.0.2.128", 0, "--"), ("203.0.113.1", 0, "--")],
        );
        let country = Path::new(FIXTURES).join("country.mmdb");
        check(
            &load(&[text, country]).unwrap(),
            &[("192.0.2.127", 64510, "XT"), ("192.0.2.128", 0, "ZZ"), ("203.0.113.1", 0, "XA"), ("2001:db8:1::7", 0, "XB")],
        );
    }

    #[test]
    fn a_bad_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ranges");
        let mut broken = std::fs::read(Path::new(FIXTURES).join("asn.mmdb")).unwrap();
        let marked = broken.len();
        broken.drain(..marked / 2);
        let cases: [(&[u8], &str); 4] = [
            (b"192.0.2.0\t192.0.2.1\n", "line 1: expected start, end"),
            (b"192.0.2.0\t192.0.2.9\t1\tXT\tA\n192.0.2.5\t192.0.2.20\t2\tXT\tB\n", "line 2: the range begins inside"),
            (b"\xff\xfe\x00", "is neither a MaxMind database nor text"),
            (&broken, "not a good MaxMind database"),
        ];
        for (bytes, expect) in cases {
            std::fs::write(&file, bytes).unwrap();
            let error = load(std::slice::from_ref(&file)).unwrap_err().to_string();
            assert!(error.starts_with(&file.display().to_string()) && error.contains(expect), "{error}\n{expect}");
        }
        let gone = folder.path().join("gone");
        assert!(load(&[gone]).unwrap_err().to_string().contains("cannot be read"));
    }
}
