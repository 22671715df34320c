//! WHAT IS NEAR: copies of records, so that a check need not ask the database. Copies may lie: they are made from a read of
//! the truth that began after their `as_of` was noted, and the view overrules them. Losing one costs a read.

pub mod link;
pub mod near;
pub mod redis;
pub mod said;
