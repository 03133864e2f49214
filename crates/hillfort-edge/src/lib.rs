//! The doors: TCP, WebSocket, HTTP, TLS.
