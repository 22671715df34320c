//! SEC-04: secrets print as nothing, whoever prints what holds them.

use rescind::service::login::SignIn;

use crate::support::{PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn sec_04_nothing_that_holds_a_secret_prints_it() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let mut settings = server.app.settings.clone();
    settings.rocket = settings.rocket.merge(("rescind.secret_key", "planted-in-a-file"));
    settings.database_url = "postgres://rescind:planted-in-a-url@db.example/x?password=planted-twice".into();
    let printed = [
        format!("{:?} {:#?}", server.app, server.app),
        format!("{settings:?} {settings:#?}"),
        format!("{:?}", server.app.settings.keys().expect("keys")),
        format!("{:?}", sign_in(&server)),
    ];
    let secrets = ["QUFBQUFB", "AAAAAAAA", "planted", PASSWORD, &pair.access, &pair.refresh];
    let secrets = secrets.into_iter().chain(server.secrets.values().map(String::as_str));
    for secret in secrets {
        for text in &printed {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
    assert!(printed[1].contains("db.example"), "the rest is there: {}", printed[1]);
}

fn sign_in(server: &TestServer) -> SignIn {
    let now = server.app.clock.now();
    let login = rescind::model::login::Login {
        login_id: uuid::Uuid::nil(),
        request: None,
        epochs: rescind::model::epoch::Epochs { global: 1, client: None, subject: None, device: None, consent: None },
        browser_session_id: None,
        created_at: now,
        expires_at: now,
    };
    SignIn {
        login,
        username: "somebody".to_owned(),
        password: PASSWORD.into(),
        browser_id: None,
        replaces: None,
        browser: rescind::model::device::DeviceDetails::default(),
    }
}
