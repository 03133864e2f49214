//! Floor 3: the doors of Nakama's client API.
//!
//! REST, gRPC and gRPC-Web turn requests into calls of [`hillfort_api::Service`]; the realtime socket does the same with envelopes and
//! carries matches. Knows nothing of stores, accounts and handlers.

#![forbid(unsafe_code)]
