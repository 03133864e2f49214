//! The bytes of a request: read within a bound and a time, and unpacked within the same bound. Knows nothing of what they say.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder};
use hillfort_api::{ApiError, Code};

/// All of `body`.
///
/// # Errors
/// It is larger than `most` bytes, takes longer than `patience`, or breaks off.
pub(crate) async fn read(body: Body, most: usize, patience: Duration) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(patience, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A body that broke off has nobody who reads the answer.
        Ok(Err(_)) => Err(too_large(most)),
        Err(_) => Err(ApiError::new(Code::DeadlineExceeded, "the body of the request took too long to come")),
    }
}

/// The same without `Content-Encoding`.
///
/// # Errors
/// It is not what the header says, or larger than `most` bytes when unpacked.
pub(crate) fn unpack(packed: Bytes, headers: &HeaderMap, most: usize) -> Result<Bytes, ApiError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        Some(b"gzip") => unpacked(GzDecoder::new(&packed[..]), most),
        Some(b"deflate") => unpacked(DeflateDecoder::new(&packed[..]), most),
        _ => Ok(packed),
    }
}

/// What `packed` holds, by gzip.
pub(crate) fn gunzip(packed: &[u8], most: usize) -> Result<Bytes, ApiError> {
    unpacked(GzDecoder::new(packed), most)
}

fn unpacked(source: impl Read, most: usize) -> Result<Bytes, ApiError> {
    let mut out = Vec::new();
    let read = source.take(most as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| ApiError::new(Code::InvalidArgument, "the body is not packed as its header says"))?;
    if out.len() > most { Err(too_large(most)) } else { Ok(out.into()) }
}

fn too_large(most: usize) -> ApiError {
    ApiError::new(Code::InvalidArgument, format!("the request is larger than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::{HeaderMap, HeaderValue, header};
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};

    fn check(encoding: &'static str, packed: &[u8], most: usize, wanted: Option<&[u8]>) {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))]);
        let found = super::unpack(packed.to_vec().into(), &headers, most);
        assert_eq!(found.ok().as_deref(), wanted, "{encoding}");
    }

    #[test]
    fn packed_bodies_are_unpacked_within_the_bound() {
        let text = vec![b'a'; 1000];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflate.write_all(&text).unwrap();
        let deflate = deflate.finish().unwrap();
        check("gzip", &gzip, 1000, Some(&text));
        check("deflate", &deflate, 1000, Some(&text));
        check("gzip", &gzip, 999, None);
        check("gzip", &deflate, 1000, None);
        check("gzip", &gzip[..gzip.len() - 1], 1000, None);
        check("identity", b"{}", 10, Some(b"{}"));
    }
}
