//! Opening the house for a command: settings, database, keys.

use serde_json::json;

use super::Failure;
use super::output::Output;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Settings, account};
use crate::model::actor::{Actor, Who};
use crate::secret::random;
use crate::store::{Db, migrations};

/// The app, for a command in a shell. There must be a database: a command in the wrong folder finds out.
pub async fn app() -> Result<App, Failure> {
    let settings = Settings::load()?;
    must_exist(&settings)?;
    Box::pin(open(settings)).await
}

/// Refuses an embedded database that is not there: most likely this is the wrong folder.
pub fn must_exist(settings: &Settings) -> Result<(), Failure> {
    if let Some(missing) = settings.embedded_file().filter(|file| !file.exists()) {
        return Err(Failure::new(format!(
            "RESCIND_DATABASE_URL: there is no database {}: are you in the right folder?",
            missing.display()
        )));
    }
    Ok(())
}

/// The same for commands that enter something first: an embedded database is made.
pub async fn app_or_new() -> Result<App, Failure> {
    Box::pin(open(Settings::load()?)).await
}

async fn open(settings: Settings) -> Result<App, Failure> {
    crate::log::start(tracing::Level::WARN);
    let keys = settings.keys()?;
    tell_made(&keys.made);
    let db = database(&settings).await?;
    db.check_settings().await?.map_err(Failure::new)?;
    if db.is_embedded() {
        migrations::run(&db).await?;
    } else {
        migrations::check(&db).await?;
    }
    App::new(settings, db, keys, Clock::default()).map_err(Failure::new)
}

/// The database, or which setting to look at.
pub async fn database(settings: &Settings) -> Result<Db, Failure> {
    let opened = Db::open(settings.database_url.expose()).await;
    opened.map_err(|error| Failure::new(format!("RESCIND_DATABASE_URL: {error}")))
}

/// Says which key files were made.
pub fn tell_made(made: &[std::path::PathBuf]) {
    for path in made {
        eprintln!(
            "rescind: made {} (keep it safe, apart from the database: without it nobody can sign in)",
            path.display()
        );
    }
}

/// Whoever runs the command.
#[must_use]
pub fn actor() -> Actor {
    Actor {
        who: Who::Shell(account()),
        address: None,
        agent: Some("rescind command".to_owned()),
        request_id: random::letters(16),
    }
}

/// `rescind migrate`. A new embedded database gets its keys now: later, without them, it would look robbed of them.
pub async fn migrate(out: Output) -> Result<(), Failure> {
    let settings = Settings::load()?;
    crate::log::start(tracing::Level::WARN);
    if settings.is_embedded() {
        tell_made(&settings.keys()?.made);
    }
    let db = database(&settings).await?;
    let applied = migrations::run(&db).await?;
    let text =
        if applied == 0 { "The database is up to date.".to_owned() } else { format!("Applied {applied} migrations.") };
    out.say(&json!({ "applied": applied, "release": migrations::RELEASE }), &text)
}
