//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.

#[path = "../support/mod.rs"]
mod support;

mod walk;
