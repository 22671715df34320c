//! What a check is measured against: servers that do for a caller what introspection does (read the form, prove the
//! caller, answer JSON) and know no store. And `seal`, which makes tokens for sessions that were put into a database past
//! the server.
//!
//! - `bare ordinary PORT`: Rocket as its guide shows it: `Form<T>`, a guard, `Json<T>`.
//! - `bare strict PORT`: Rocket with our strict reading of forms and credentials.
//! - `bare hyper PORT`: hyper 1 with the same strict reading.
//! - `bare seal PREFIX UNTIL`: the key ring on the first line of standard input, then a session's id a line; the tokens,
//!   good until that Unix second, on standard output.
//! - `bare argon2 TIMES`: checks a password so many times.
//!
//! `benches/run` starts all of them.

mod caller;
mod claims;
mod hashing;
mod on_hyper;
mod on_rocket;
mod seal;

use std::process::ExitCode;

/// The same allocator as the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever went wrong, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["ordinary", port] => port.parse().map_err(Failure::from).and_then(on_rocket::ordinary),
        ["strict", port] => port.parse().map_err(Failure::from).and_then(on_rocket::strict),
        ["hyper", port] => port.parse().map_err(Failure::from).and_then(on_hyper::serve),
        ["argon2", times] => times.parse().map_err(Failure::from).and_then(hashing::run),
        ["seal", prefix, until] => until.parse().map_err(Failure::from).and_then(|until| seal::run(prefix, until)),
        // `cargo bench` adds words of its own.
        _ => {
            eprintln!(
                "bare ordinary|strict|hyper PORT, bare seal PREFIX UNTIL, bare argon2 TIMES: benches/run knows how"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
