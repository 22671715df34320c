//! Everything that is secret, and everything that proves something: randomness, keys, sealed tokens, password hashes.
//! No other room draws random numbers or holds a key. This one does no I/O, reads no settings and writes no logs.

mod base32;
pub mod client_secret;
pub mod copies;
pub mod csrf;
mod derive;
pub mod fingerprint;
pub mod keys;
pub mod password;
pub mod random;
pub mod seal;
pub mod text;
