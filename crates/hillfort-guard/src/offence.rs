//! How bad each refusal is, in points. Knows nothing of who did it.

use hillfort_proto::reject::Reject;

/// Points that a refusal costs its address; 0 for what happens to honest players too.
///
/// With the default tolerance (1,000 points, forgiven at 10 a second) 20 foreign hellos in a row, 10 replayed ones or 2 floods of
/// inputs ban an address. A wrong clock or an old key is the everyday fault of an honest player whose client tries again and
/// again, perhaps with many behind one address: it weighs little.
pub(crate) const fn points(reject: Reject) -> u32 {
    match reject {
        // One refusal says nothing; another thousand in a row do.
        Reject::SourceRate | Reject::SourceConnections => 1,
        Reject::HelloTime | Reject::HelloKey => 5,
        Reject::Tls | Reject::Http | Reject::WebSocket | Reject::HelloFlags | Reject::FrameVersion | Reject::LoginSlow => 20,
        Reject::HelloMagic | Reject::HelloLength | Reject::HelloSlow => 50,
        Reject::HelloMac | Reject::HelloReplay | Reject::ResumeToken => 100,
        Reject::OutOfState | Reject::LoginName | Reject::AckAhead | Reject::ResumeGap | Reject::SequenceGap => 100,
        Reject::FrameMagic | Reject::FrameLength | Reject::FrameCrc | Reject::Message | Reject::InputLength => 250,
        Reject::InputFlood => 500,
        _ => 0,
    }
}
