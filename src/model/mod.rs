//! WHAT THINGS ARE: plain values, no await, no I/O. A value that exists is valid: `parse` is the way in.

pub mod actor;
pub mod audit;
pub mod client;
pub mod code;
pub mod color;
pub mod customer;
pub mod device;
pub mod epoch;
pub mod feed;
pub mod ids;
pub mod incident;
pub mod login;
pub mod network;
pub mod redis_address;
pub mod scope;
pub mod session;
pub mod staff;
pub mod tally;
