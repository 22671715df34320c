//! `rescind demo`: a seeded bank on the embedded store, loopback only. It prints URL, logins and a walk to copy and paste,
//! makes a little live traffic, and runs on. Starting it again begins anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::demo_devices::NETWORKS;
use super::demo_seed::{Bank, seed};
use super::output::Output;
use super::{Failure, demo_traffic, serve};
use crate::app::App;
use crate::config::Settings;
use crate::store::{Db, facts};

/// Where and on which port.
#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the demo's data and keys
    #[arg(long, default_value = "rescind-demo")]
    data: PathBuf,
    /// Port on 127.0.0.1
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

/// Runs the demo.
pub async fn run(out: Output, options: Options) -> Result<(), Failure> {
    let settings = settings(&options)?;
    crate::log::start(tracing::Level::WARN);
    begin_anew(&options.data, &settings).await?;
    let (app, _lock) = serve::open(settings).await?;
    let app = Arc::new(app);
    let bank = Box::pin(seed(&app)).await?;
    out.say(&object(&app, &bank), &text(&app, &bank))?;
    let traffic = tokio::spawn(demo_traffic::run(app.clone(), bank));
    let served = serve::launch(app).await;
    traffic.abort();
    served
}

fn settings(options: &Options) -> Result<Settings, Failure> {
    let data = options.data.join("data");
    let fixed = BTreeMap::from([
        ("database_url", format!("sqlite:{}/rescind.db", data.display())),
        ("issuer", format!("http://localhost:{}", options.port)),
        ("token_prefix", "nyb".to_owned()),
        ("name", "Naybitono Bank".to_owned()),
        ("support_phone", "+254 20 555 0100".to_owned()),
        ("time_zone", "Africa/Nairobi".to_owned()),
        ("phone_country", "KE".to_owned()),
        ("keys_folder", options.data.join("keys").display().to_string()),
        ("networks", NETWORKS.to_owned()),
        ("limit_scale", "10".to_owned()),
    ]);
    let mut settings = Settings::from_pairs(Vec::new(), &fixed)?;
    settings.rocket = settings.rocket.merge(("address", "127.0.0.1")).merge(("port", options.port));
    Ok(settings)
}

/// An earlier demo is dropped; anything else in the folder stops the start.
async fn begin_anew(folder: &Path, settings: &Settings) -> Result<(), Failure> {
    let data = folder.join("data");
    if !data.exists() {
        return Ok(());
    }
    let db = Db::open(settings.database_url.expose()).await?;
    let marked = async { facts::find(&mut db.read().await?, facts::DEMO).await }.await;
    // A demo that is running keeps its data; the lock is given back with the folder.
    let _alone = serve::only_server(&db)?;
    db.close().await;
    if !matches!(marked, Ok(Some(_))) {
        return Err(Failure::new(format!(
            "{} holds something other than a demo: choose another --data",
            data.display()
        )));
    }
    Ok(std::fs::remove_dir_all(&data)?)
}

fn object(app: &App, bank: &Bank) -> serde_json::Value {
    let staff = bank.staff.iter().map(
        |(name, role, password)| json!({ "username": name, "role": role.as_str(), "password": password.expose() }),
    );
    let clients = bank.clients.iter().map(|(id, secret)| {
        json!({ "client_id": id, "client_secret": secret.as_ref().map(crate::secret::text::SecretText::expose) })
    });
    json!({
        "url": app.settings.issuer,
        "customer": { "id": bank.customer, "password": bank.password.expose() },
        "staff": staff.collect::<Vec<_>>(),
        "clients": clients.collect::<Vec<_>>(),
    })
}

fn text(app: &App, bank: &Bank) -> String {
    let secret = |id: &str| {
        let found = bank.clients.iter().find(|(known, _)| known == id).and_then(|(_, secret)| secret.as_ref());
        found.map(|secret| secret.expose().to_owned()).unwrap_or_default()
    };
    let staff: Vec<String> = bank
        .staff
        .iter()
        .map(|(name, role, password)| format!("  {name:<8} {:<11} {}", role.as_str(), password.expose()))
        .collect();
    let walk = include_str!("demo_walk.sh")
        .replace("@URL@", &app.settings.issuer)
        .replace("@PASSWORD@", bank.password.expose())
        .replace("@API_SECRET@", &secret("accounts-api"))
        .replace("@DESK_SECRET@", &secret("fraud-desk"))
        .replace("@DATABASE@", app.settings.database_url.expose())
        .replace("@KEYS@", &app.settings.keys_folder.display().to_string())
        .replace("@RESCIND@", &std::env::current_exe().map_or("rescind".to_owned(), |exe| exe.display().to_string()));
    format!(
        "{name} is open  (demo data; everything is new at every start)\n\n\
         Begin here: sign in at {url}/console as amina, and find the caller by 0712 345 678.\n\n\
         Customer  sign in at {url}/login\n  {}  {}\n\
         Staff     sign in at {url}/console  (agents lock; supervisors and branches also unlock)\n{}\n\n\
         Copy and paste into a second shell:\n\n{walk}",
        bank.customer,
        bank.password.expose(),
        staff.join("\n"),
        name = app.settings.name,
        url = app.settings.issuer,
    )
}
