//! For the bank's staff: finding a customer, locking, revoking, receipts.

pub mod frame;
