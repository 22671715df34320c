//! HOW OFTEN: one rate-limit algorithm (GCRA) over one table of rules, in this process.

mod gcra;
mod rules;

pub use gcra::{Limits, Wait, address_key};
pub use rules::Rule;
