//! How bad each refusal is, in points. Knows nothing of who did it.

use hillfort_proto::reject::Reject;

/// Points that a refusal costs its address; 0 for what happens to honest players too.
///
/// With the default tolerance (1,000 points, forgiven at 10 a second) 20 foreign hellos in a row, 10 replayed ones or 2 floods of
/// inputs ban an address. A wrong clock or an old key is the everyday fault of an honest player whose client tries again and
/// again, perhaps with many behind one address: it weighs little. So does a TLS handshake that fails: a browser that is shown a
/// certificate of our own, or is made to speak HTTP to a door of TLS.
pub(crate) const fn points(reject: Reject) -> u32 {
    match reject {
        // One refusal says nothing; another thousand in a row do.
        Reject::SourceRate | Reject::SourceConnections | Reject::FingerprintRate => 1,
        Reject::HelloTime | Reject::HelloKey | Reject::Tls | Reject::ClientHello | Reject::ServerName => 5,
        Reject::Http | Reject::WebSocket | Reject::HelloFlags | Reject::FrameVersion | Reject::LoginSlow => 20,
        Reject::SessionToken => 20,
        Reject::ClientHelloSlow | Reject::WorkSlow => 20,
        Reject::HelloMagic | Reject::HelloLength | Reject::HelloSlow => 50,
        Reject::HelloMac | Reject::HelloReplay | Reject::ResumeToken | Reject::Work => 100,
        Reject::OutOfState | Reject::LoginName | Reject::AckAhead | Reject::ResumeGap | Reject::SequenceGap => 100,
        Reject::FrameMagic | Reject::FrameLength | Reject::FrameCrc | Reject::Message | Reject::InputLength => 250,
        Reject::InputFlood => 500,
        _ => 0,
    }
}

/// Points of a bad hello that began with `bytes`. Any web page can make the browsers of its visitors send an HTTP request or a TLS
/// handshake to any port, by `fetch` or by an image. At the weight of a foreign hello 20 of them would ban the visitor's address, and
/// with it everybody behind it; so the first bytes that a browser sends by itself weigh little.
pub(crate) fn hello_points(reject: Reject, bytes: &[u8]) -> u32 {
    let speaks_browser = BROWSER_BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning));
    if reject == Reject::HelloMagic && speaks_browser { BROWSER_POINTS } else { points(reject) }
}

const BROWSER_POINTS: u32 = 5;
/// Methods of HTTP, the preface of HTTP/2, and the record of a TLS handshake.
const BROWSER_BEGINNINGS: [&[u8]; 9] = [b"GET ", b"POST", b"PUT ", b"HEAD", b"OPTI", b"DELE", b"PATC", b"PRI ", &[0x16, 0x03]];
