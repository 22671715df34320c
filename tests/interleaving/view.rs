//! As in `src/view`, with other threads.

pub use rescind::view::memory;

#[allow(dead_code, reason = "not everything is tried")]
#[path = "../../src/view/known.rs"]
pub mod known;
#[allow(unused_imports, dead_code, reason = "its own tests are run elsewhere")]
#[path = "../../src/view/lease.rs"]
pub mod lease;

mod shared {
    pub use std::sync::PoisonError;
    pub use std::sync::atomic::Ordering;

    pub use loom::sync::atomic::AtomicU64;
    pub use loom::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
}
