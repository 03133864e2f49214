//! The siege: a laboratory of namespaces, the packet generator in it, and bots that answer. Owns no measurement yet.

#![allow(dead_code, reason = "the measurements that use it come with the next commit")]

mod generator;
pub(crate) mod lab;
mod program;
