//! The client against servers that keep the protocol and servers that do not.
