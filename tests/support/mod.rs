//! A real server per test: the whole app on a random port, on a fresh database of the engine named by `TEST_ENGINE`
//! (`sqlite`, the default, or `postgres` at `TEST_POSTGRES_URL`), with a clock that tests can move.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod browser;
pub mod call;
pub mod console;
pub mod database;
pub mod direct;
pub mod flow;
pub mod guardian;
pub mod held;
pub mod minted;
pub mod mmdb;
pub mod openmetrics;
pub mod past_http;
pub mod process;
pub mod program;
pub mod raw;
pub mod redis;
pub mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rescind::app::App;
use rescind::clock::Clock;
use rescind::config::Settings;
use rescind::model::actor::{Actor, Who};
use rescind::model::client::{AuthMethod, ClientType, GrantType};
use rescind::model::customer::{Customer, Email, PersonName, Phone};
use rescind::model::ids::{ClientId, CustomerId, StaffId};
use rescind::model::scope::Scope;
use rescind::model::staff::{Role, Staff};
use rescind::policy::client_rules::{NewClient, check};
use rescind::secret::text::SecretText;
use rescind::service::client::Registered;
use rescind::service::{client, customer, staff};
use rocket::fairing::AdHoc;

/// The issuer of every test server, whatever its port.
pub const ISSUER: &str = "http://localhost:8000";
/// The customer most tests use.
pub const JOHN: &str = "CUST_789456123";
/// The password of every test customer and member of staff.
pub const PASSWORD: &str = "meadow-lantern-48-quarry-violin";
/// The resource of `accounts-api`.
pub const ACCOUNTS: &str = "https://api.naybitono.example/accounts";

/// Rocket's own setting for where a server listens.
const BIND: &str = "address";
/// No setting: how long Redis is given, in milliseconds, if not as long as servers give it.
pub const REDIS_DEADLINE: &str = "redis deadline";

/// A running server.
pub struct TestServer {
    /// The app behind it: for `db_` helpers and the clock.
    pub app: Arc<App>,
    /// Where it listens.
    pub port: u16,
    /// Secrets of the clients that have one.
    pub secrets: BTreeMap<String, String>,
    /// Everything that is mounted: method and path.
    pub routes: Vec<(String, String)>,
    shutdown: rocket::Shutdown,
    serving: std::sync::Mutex<Option<rescind::view::node::Serving>>,
    plain: tokio::sync::OnceCell<Arc<App>>,
    /// Dropped last: removes the database when no server uses it any more.
    pub database: Arc<database::TestDatabase>,
}

impl TestServer {
    /// A server with the usual bank: John, one more customer, the demo's clients, five members of staff.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with some settings changed.
    pub async fn start_with(changed: &[(&'static str, &str)]) -> Self {
        let database = database::TestDatabase::create().await;
        Self::start_on(database, changed, true).await
    }

    /// A server bound to an address: it is reached by loopback all the same.
    pub async fn start_bound(address: &'static str) -> Self {
        let database = database::TestDatabase::create().await;
        Self::start_rigged(database, &[(BIND, address)], true, Vec::new()).await
    }

    /// A server on a database that exists already. `seeded`: enter the usual bank.
    pub async fn start_on(database: database::TestDatabase, changed: &[(&'static str, &str)], seeded: bool) -> Self {
        Self::start_rigged(database, changed, seeded, Vec::new()).await
    }

    /// The same with further routes, which do what no route of ours should.
    pub async fn start_rigged(
        database: impl Into<Arc<database::TestDatabase>>,
        changed: &[(&'static str, &str)],
        seeded: bool,
        more: Vec<rocket::Route>,
    ) -> Self {
        let database = database.into();
        let mut fixed = BTreeMap::from([
            ("database_url", database.url.clone()),
            ("issuer", ISSUER.to_owned()),
            ("secret_key", KEY.to_owned()),
            ("data_key", KEY.to_owned()),
            ("pepper", KEY.to_owned()),
            ("token_prefix", "nyb".to_owned()),
            ("name", "Naybitono Bank".to_owned()),
            ("phone_country", "KE".to_owned()),
            ("limit_scale", "1000".to_owned()),
            ("hash_threads", "2".to_owned()),
            ("checks", database::checks()),
            ("redis_url", redis::shared_url()),
        ]);
        fixed.extend(
            changed
                .iter()
                .filter(|(name, _)| ![BIND, REDIS_DEADLINE].contains(name))
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let mut settings = Settings::from_pairs(Vec::new(), &fixed).expect("settings");
        settings.rocket = settings.rocket.merge(("port", 0)).merge(("shutdown.ctrlc", false)).merge(("workers", 2));
        if let Some((_, address)) = changed.iter().find(|(name, _)| *name == BIND) {
            settings.rocket = settings.rocket.merge((BIND, *address));
        }
        if let Some((_, ms)) = changed.iter().find(|(name, _)| *name == REDIS_DEADLINE) {
            settings.redis_deadline = Duration::from_millis(ms.parse().expect("milliseconds"));
        }
        let keys = settings.keys().expect("keys");
        let db = rescind::store::Db::open(settings.database_url.expose()).await.expect("database");
        rescind::store::migrations::run(&db).await.expect("migrations");
        let app = Arc::new(App::new(settings, db, keys, Clock::default()).expect("app"));
        let secrets = if seeded { seed(&app).await } else { BTreeMap::new() };
        rescind::service::life::name(&app).await.expect("a name");
        let serving = app.serve_checks();
        app.looked_for_redis().await;
        let ready = async {
            while !app.knows_what_was_taken_back().await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ready).await.expect("a lease");
        let Launched { port, routes, shutdown } = launch(app.clone(), more).await;
        Self {
            app,
            port,
            secrets,
            routes,
            shutdown,
            serving: Some(serving).into(),
            plain: tokio::sync::OnceCell::new(),
            database,
        }
    }

    /// Another server on the same database, with nothing in its memory. With SQLite the first must have been stopped.
    pub async fn start_beside(&self, changed: &[(&'static str, &str)]) -> Self {
        let mut other = Self::start_rigged(self.database.clone(), changed, false, Vec::new()).await;
        other.secrets = self.secrets.clone();
        other
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Takes the node's lease and row away, as a clean stop does, while requests still come.
    pub async fn db_stop_serving_checks(&self) {
        let serving = self.serving.lock().expect("lock").take();
        serving.expect("it serves").stop().await;
    }

    /// The plain variant on the same database, keys and clock: what checks from memory are compared with.
    pub async fn db_plain_app(&self) -> Arc<App> {
        let made = self.plain.get_or_init(|| async {
            let mut settings = self.app.settings.clone();
            settings.is_fast = false;
            let keys = settings.keys().expect("keys");
            Arc::new(App::new(settings, self.app.db.clone(), keys, self.app.clock.clone()).expect("app"))
        });
        made.await.clone()
    }

    /// Moves the server's clock ahead.
    pub fn wait(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
    }

    /// The secret of a client.
    pub fn secret(&self, client_id: &str) -> &str {
        self.secrets.get(client_id).map_or("", String::as_str)
    }

    /// Registers one more client; its secret, if it has one, is then known to [`TestServer::secret`].
    pub async fn db_client(&mut self, new: NewClient) {
        if let Some((id, secret)) = register(&self.app, new).await {
            self.secrets.insert(id, secret);
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.clone().notify();
    }
}

/// Fixed key material for tests: 64 bytes.
pub const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQg==";

/// Whoever sets up a test.
pub fn setup_actor() -> Actor {
    Actor { who: Who::System, address: None, agent: None, request_id: "setup".to_owned() }
}

/// A server that listens.
struct Launched {
    port: u16,
    routes: Vec<(String, String)>,
    shutdown: rocket::Shutdown,
}

async fn launch(app: Arc<App>, more: Vec<rocket::Route>) -> Launched {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let rocket = rescind::web::mount(app).mount("/", more).attach(AdHoc::on_liftoff("port", move |rocket| {
        Box::pin(async move {
            if let Some(tell) = tell.lock().expect("lock").take() {
                let routes = rocket.routes().map(|route| (route.method.to_string(), route.uri.path().to_owned()));
                let _ = tell.send(Launched {
                    port: rocket.config().port,
                    routes: routes.collect(),
                    shutdown: rocket.shutdown(),
                });
            }
        })
    }));
    let rocket = rocket.ignite().await.expect("ignite");
    tokio::spawn(async move {
        let _ = rocket.launch().await;
    });
    told.await.expect("the server started")
}

/// A client to be registered, with nothing optional.
pub fn new_client(id: &str, kind: ClientType, scope: &str) -> NewClient {
    NewClient {
        client_id: ClientId::parse(id).expect("client id"),
        name: id.to_owned(),
        kind,
        auth_method: None,
        redirect_uris: Vec::new(),
        scope: Scope::parse(scope).expect("scope"),
        grants: Vec::new(),
        resources: Vec::new(),
        origins: Vec::new(),
        first_party: false,
        color: None,
    }
}

async fn register(app: &App, new: NewClient) -> Option<(String, String)> {
    let checked = check(new, app.clock.now()).expect("client rules");
    match client::create(app, &setup_actor(), &checked).await.expect("client") {
        Registered::Done(secret) => secret.map(|s| (checked.client_id.to_string(), s.expose().to_owned())),
        other => panic!("client {}: {other:?}", checked.client_id),
    }
}

/// Enters the usual bank; the secrets of the clients that have one.
pub async fn seed(app: &App) -> BTreeMap<String, String> {
    let scope = "openid accounts:read payments:write";
    let code = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    let clients = [
        NewClient {
            redirect_uris: vec!["com.naybitono.app:/oauth/callback".to_owned(), "http://127.0.0.1/callback".to_owned()],
            resources: vec![ACCOUNTS.to_owned()],
            first_party: true,
            ..new_client("naybitono-mobile", ClientType::Public, scope)
        },
        NewClient {
            redirect_uris: vec!["https://web.naybitono.example/callback".to_owned()],
            grants: code,
            resources: vec![ACCOUNTS.to_owned()],
            origins: vec!["https://web.naybitono.example".to_owned()],
            ..new_client("naybitono-web", ClientType::Confidential, scope)
        },
        NewClient {
            auth_method: Some(AuthMethod::ClientSecretPost),
            redirect_uris: vec!["https://post.example/cb".to_owned()],
            first_party: true,
            ..new_client("post-client", ClientType::Confidential, "openid")
        },
        NewClient {
            resources: vec![ACCOUNTS.to_owned()],
            ..new_client("accounts-api", ClientType::ResourceServer, "")
        },
        NewClient {
            resources: vec!["https://other.example/api".to_owned()],
            ..new_client("other-api", ClientType::ResourceServer, "")
        },
        new_client("plain-api", ClientType::ResourceServer, ""),
        new_client("fraud-desk", ClientType::Confidential, "customers:lock"),
        new_client("branch-desk", ClientType::Confidential, "customers:unlock"),
        new_client("ops-desk", ClientType::Confidential, "sessions:read sessions:revoke audit:read"),
        NewClient {
            resources: vec![ACCOUNTS.to_owned()],
            ..new_client("batch-job", ClientType::Confidential, "accounts:read")
        },
    ];
    let mut secrets = BTreeMap::new();
    for new in clients {
        secrets.extend(register(app, new).await);
    }
    db_customer(app, JOHN, "John Doe", Some("john.doe@example.com"), Some("+254712345678")).await;
    db_customer(app, "CUST_2", "Achieng Odhiambo", Some("achieng@example.com"), Some("+254710000102")).await;
    let hash = hash(app).await;
    for role in Role::ALL {
        let username = StaffId::parse(&format!("the-{}", role.as_str())).expect("staff id");
        let new = Staff { username, role, created_at: app.clock.now(), disabled_at: None };
        let mut tx = app.db.begin().await.expect("begin");
        rescind::store::staff::insert(&mut tx, &new, &hash).await.expect("staff");
        tx.commit().await.expect("commit");
    }
    secrets
}

/// The hash of [`PASSWORD`], made once per process: argon2 is slow on purpose.
async fn hash(app: &App) -> String {
    static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let made = HASH.get_or_init(|| async { app.secrets.hasher.hash(&SecretText::from(PASSWORD)).await.expect("hash") });
    made.await.clone()
}

/// Enters a customer with [`PASSWORD`].
pub async fn db_customer(app: &App, id: &str, name: &str, email: Option<&str>, phone: Option<&str>) {
    let new = customer::NewCustomer {
        customer: Customer {
            customer_id: CustomerId::parse(id).expect("customer id"),
            name: PersonName::parse(name).expect("name"),
            email: email.map(|e| Email::parse(e).expect("email")),
            phone: phone.map(|p| Phone::from_e164(p).expect("phone")),
            created_at: app.clock.now(),
            disabled_at: None,
        },
        password_hash: Some(hash(app).await),
    };
    customer::import(app, &setup_actor(), &[new]).await.expect("store").expect("the name is free");
}

/// Enters a member of staff through the service, with a password that is checked.
pub async fn db_staff(app: &App, username: &str, role: Role) {
    let new =
        Staff { username: StaffId::parse(username).expect("id"), role, created_at: app.clock.now(), disabled_at: None };
    let done = staff::create(app, &setup_actor(), &new, &SecretText::from(PASSWORD)).await.expect("store");
    assert_eq!(done, staff::Entered::Done);
}
