//! The doors with real sockets, in one thread: the tests turn the loop, and time goes on when they say so.

mod admission;
mod descriptors;
mod frames;
mod grpc;
mod guests;
mod hello;
mod http;
mod known;
mod lines;
mod memory;
mod porter;
mod preface;
mod proxied;
mod rig;
mod rooms;
mod scenes;
mod sessions;
mod shed;
mod stages;
mod stale;
mod tls;
mod websocket;
mod work;
