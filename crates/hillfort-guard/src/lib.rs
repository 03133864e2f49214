//! Who may come in: buckets, nonce filters, bans. Verdicts come out.
