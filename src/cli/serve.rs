//! `rescind serve`: checks everything, then serves until told to stop; stops cleanly.

use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};

use rocket::Shutdown;
use rocket::fairing::AdHoc;
use tokio::sync::oneshot;

use super::Failure;
use super::open::{database, tell_made};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::policy::private_network::is_private;
use crate::seeded;
use crate::service::life;
use crate::store::{Db, facts, migrations};
use crate::web::draining::Draining;
use crate::{jobs, web};

/// Serves with the settings of the environment.
pub async fn run() -> Result<(), Failure> {
    let settings = Settings::load()?;
    crate::log::start(settings.log);
    if !seeded::is_told() {
        return Err(Failure::new(
            "this build can be told to break its promises: it serves only where RESCIND_SEEDED_BUG is set, to nothing for none",
        ));
    }
    if seeded::IS_BUILT_IN {
        tracing::warn!(
            bug = seeded::name_chosen(),
            "this build can be told to break its promises: it is for the proof alone"
        );
    }
    let (app, _lock) = open(settings).await?;
    let demo = facts::find(&mut app.db.read().await?, facts::DEMO).await?;
    if demo.is_some() {
        return Err(Failure::new("this database holds a demo: `rescind demo` runs it, `rescind serve` does not"));
    }
    launch(Arc::new(app)).await
}

/// Opens database and keys, brings the schema up to date, and takes the lock of an embedded database.
pub async fn open(settings: Settings) -> Result<(App, Option<File>), Failure> {
    no_core_dumps();
    let keys = settings.keys()?;
    tell_made(&keys.made);
    let db = database(&settings).await?;
    let lock = only_server(&db)?;
    db.check_settings().await?.map_err(Failure::new)?;
    migrations::run(&db).await?;
    let app = App::new(settings, db, keys, Clock::default()).map_err(Failure::new)?;
    life::name(&app).await?;
    Ok((app, lock))
}

/// Runs the server and its jobs until a signal; then finishes what was begun.
pub async fn launch(app: Arc<App>) -> Result<(), Failure> {
    let rocket = web::mount(app.clone());
    let draining = rocket.state::<Draining>().cloned().unwrap_or_default();
    let watched = watch(&app, draining.clone()).await?;
    let serving = app.serve_checks();
    app.looked_for_redis().await;
    let jobs = tokio::spawn(jobs::run(app.clone()));
    let told = draining.clone();
    let rocket = rocket.attach(AdHoc::on_shutdown("draining", move |_| Box::pin(async move { told.tell() })));
    let issuer = app.settings.issuer.clone();
    let rocket = rocket.attach(AdHoc::on_liftoff("started", |rocket| {
        Box::pin(async move {
            let (address, port) = (rocket.config().address, rocket.config().port);
            tracing::info!(%address, port, issuer, "serving");
            if !is_private(address) {
                tracing::warn!(
                    %address,
                    "the console is switched off: until staff have a second factor it is shown on loopback and private addresses only (ROCKET_ADDRESS)"
                );
            }
        })
    }));
    // Rocket would wait out its grace for any connection that was open when it was told, idle or not.
    let served = tokio::select! {
        served = rocket.launch() => served.map(|_| ()).map_err(|error| Failure::new(reason(&error, &app.settings))),
        () = draining.finished() => Ok(()),
    };
    serving.stop().await;
    jobs.abort();
    jobs::finish(&app).await;
    if let Some(watched) = watched {
        watched.notify();
    }
    app.db.close().await;
    tracing::info!("stopped");
    served
}

/// The listener for measures and health, if it has an address of its own; how to stop it.
async fn watch(app: &Arc<App>, draining: Draining) -> Result<Option<Shutdown>, Failure> {
    let Some(address) = app.settings.metrics_address else { return Ok(None) };
    let (tell, told) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let started = AdHoc::on_liftoff("watched", move |rocket| {
        Box::pin(async move {
            let tell = tell.lock().unwrap_or_else(PoisonError::into_inner).take();
            tell.map(|tell| tell.send(rocket.shutdown()));
        })
    });
    let launched = tokio::spawn(web::ops::alone(app.clone(), address, draining).attach(started).launch());
    if let Ok(shutdown) = told.await {
        tracing::info!(%address, "measures are served");
        if !is_private(address.ip()) {
            tracing::warn!(%address, "measures are served beyond private addresses (RESCIND_METRICS_ADDRESS)");
        }
        return Ok(Some(shutdown));
    }
    // It ended without having begun.
    let why = match launched.await {
        Ok(Err(error)) => bind_reason(&error),
        Ok(Ok(_)) | Err(_) => "it did not start".to_owned(),
    };
    Err(Failure::new(format!("RESCIND_METRICS_ADDRESS {address}: {why}")))
}

/// One line about why Rocket did not start.
fn reason(error: &rocket::Error, settings: &Settings) -> String {
    let at = |name| {
        settings.rocket.find_value(name).ok().and_then(rocket::figment::value::Value::into_string).unwrap_or_default()
    };
    let port: u16 = settings.rocket.extract_inner("port").unwrap_or(0);
    match error.kind() {
        rocket::error::ErrorKind::Bind(_) => {
            format!("ROCKET_ADDRESS {} and ROCKET_PORT {port}: {}", at("address"), bind_reason(error))
        }
        _ => bind_reason(error),
    }
}

fn bind_reason(error: &rocket::Error) -> String {
    match error.kind() {
        rocket::error::ErrorKind::Bind(why) => why.to_string(),
        other => other.to_string(),
    }
}

/// One serving process per embedded database.
pub fn only_server(db: &Db) -> Result<Option<File>, Failure> {
    let Some(path) = db.file_beside("serve.lock") else { return Ok(None) };
    let file = File::create(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::new(format!("another server is running on this database ({path})")))
        }
        Err(TryLockError::Error(error)) => Err(Failure::new(format!("{path}: {error}"))),
    }
}

/// Memory with keys in it is not written to disk when the process crashes.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_err() {
        tracing::warn!("core dumps could not be switched off");
    }
}
