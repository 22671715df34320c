//! WHO OPERATES: the commands. Exit code 0: done; 1: refused or failed, one line on standard error; 2: wrong usage.
//! Secrets come from standard input, never from the command line, and are shown once.

mod audit;
mod backup;
mod client;
mod config;
mod customer;
mod demo;
mod demo_devices;
mod demo_seed;
mod demo_traffic;
mod health;
mod input;
mod keys;
mod lockdown;
mod open;
mod output;
mod restored;
mod serve;
mod session;
mod staff;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::ConfigError;
use crate::service::Fault;
use crate::store::StoreError;
use crate::store::migrations::MigrationError;

/// An OAuth 2.1 authorization server whose tokens can be taken back at once.
#[derive(Debug, Parser)]
#[command(name = "rescind", version, max_term_width = 100)]
struct Arguments {
    /// One JSON object on standard output instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "Example: RESCIND_ISSUER=https://id.bank.example rescind serve")]
    Serve,
    /// Run a seeded bank to try things out, on loopback
    #[command(after_help = "Example: rescind demo --port 8000")]
    Demo(demo::Options),
    /// Bring the database up to date
    #[command(after_help = "Example: rescind migrate")]
    Migrate,
    /// Register and change clients
    #[command(subcommand)]
    Client(client::Command),
    /// Enter and change customers
    #[command(subcommand)]
    Customer(customer::Command),
    /// Enter and change staff
    #[command(subcommand)]
    Staff(staff::Command),
    /// List and end sessions
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// List and revoke devices
    #[command(subcommand)]
    Device(session::DeviceCommand),
    /// Take everything back: of a customer, a client, or everyone
    #[command(after_help = "Example: rescind lockdown CUST_789456123 --reason \"phone stolen\"")]
    Lockdown(lockdown::LockdownOptions),
    /// Lift a customer's lockdown (break-glass: audited, and an alarm)
    #[command(after_help = "Example: rescind unlock CUST_789456123 --reason \"verified in branch\"")]
    Unlock(lockdown::UnlockOptions),
    /// Read the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make and rotate keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Copy the embedded database, also while it is served
    #[command(after_help = "Example: rescind backup /var/backups/rescind-2026-11-21.db")]
    Backup(backup::Options),
    /// After restoring a backup: end everything that was given out before
    #[command(after_help = "Example: rescind restored")]
    Restored,
    /// Check the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Ask a running server whether it is ready
    #[command(after_help = "Example: rescind health")]
    Health(health::Options),
    /// Print a completion script for a shell
    #[command(after_help = "Example: rescind completions bash > /etc/bash_completion.d/rescind")]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// Why a command was refused or failed: one line.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    fn new(line: impl std::fmt::Display) -> Self {
        Self(line.to_string().replace('\n', " "))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error)
    }
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        Self::new(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

/// Runs the command line.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("rescind").build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(arguments)),
        Err(error) => Err(Failure::new(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(line)) => {
            eprintln!("rescind: {line}");
            ExitCode::from(1)
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let out = output::Output::new(arguments.json);
    match arguments.command {
        Command::Serve => Box::pin(serve::run()).await,
        Command::Demo(options) => Box::pin(demo::run(out, options)).await,
        Command::Migrate => open::migrate(out).await,
        Command::Client(command) => Box::pin(client::run(out, command)).await,
        Command::Customer(command) => Box::pin(customer::run(out, command)).await,
        Command::Staff(command) => staff::run(out, command).await,
        Command::Session(command) => session::run_sessions(out, command).await,
        Command::Device(command) => session::run_devices(out, command).await,
        Command::Lockdown(options) => Box::pin(lockdown::lock(out, options)).await,
        Command::Unlock(options) => Box::pin(lockdown::unlock(out, options)).await,
        Command::Audit(command) => audit::run(out, command).await,
        Command::Keys(command) => keys::run(out, command),
        Command::Backup(options) => backup::run(out, options).await,
        Command::Restored => restored::run(out).await,
        Command::Config(command) => config::run(out, &command),
        Command::Health(options) => health::run(out, options).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "rescind", &mut script);
            Ok(std::io::Write::write_all(&mut std::io::stdout(), &script)?)
        }
    }
}
