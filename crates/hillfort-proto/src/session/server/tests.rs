//! Each state of the server against each message, and its deadlines.
