//! `rescind client`: the rules of registration, and secrets shown once.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::program::{Folder, Ran};

fn create(folder: &Folder, more: &[&str]) -> Ran {
    folder.run(&[&["client", "create", "--json", "--id", "shop", "--name", "Shop", "--type"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_a_rule_is_refused_in_one_line_and_not_registered() {
    let folder = Folder::of_engine().await;
    let uri = "https://shop.example/cb";
    let wrong: [(&[&str], &str); 15] = [
        (&["public"], "redirect URI"),
        (&["public", "--redirect-uri", "http://shop.example/cb"], "http://shop.example/cb"),
        (&["public", "--redirect-uri", "https://shop.example/cb#x"], "https://shop.example/cb#x"),
        (&["public", "--redirect-uri", "javascript:alert(1)"], "javascript:alert(1)"),
        (&["public", "--redirect-uri", "shop:/cb"], "shop:/cb"),
        (&["public", "--redirect-uri", uri, "--auth-method", "client_secret_post"], "public client"),
        (&["public", "--redirect-uri", uri, "--grant", "client_credentials"], "client_credentials"),
        (&["public", "--redirect-uri", uri, "--scope", "customers:lock"], "machine"),
        (&["confidential", "--redirect-uri", uri, "--scope", "audit:read"], "machine"),
        (&["confidential", "--scope", "customers:lock customers:unlock"], "customers:lock and customers:unlock"),
        (&["confidential", "--grant", "refresh_token"], "refresh_token"),
        (&["confidential", "--resource", "not a uri"], "not a uri"),
        (&["confidential", "--origin", "https://shop.example/"], "https://shop.example/"),
        (&["resource-server", "--redirect-uri", uri], "resource server"),
        (&["resource-server", "--grant", "client_credentials"], "resource server"),
    ];
    for (arguments, why) in wrong {
        let ran = create(&folder, arguments);
        assert!(ran.refusal().contains(why), "{arguments:?}: {ran:?}");
    }
    assert_eq!(folder.run(&["client", "list", "--json"]).json(), json!({ "items": [], "next_cursor": null }));
    assert_eq!(create(&folder, &["public", "--redirect-uri", uri]).json(), json!({ "client_id": "shop" }));
    assert!(create(&folder, &["public", "--redirect-uri", uri]).refusal().contains("shop is taken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_clients_and_staff_share_one_namespace() {
    let folder = Folder::of_engine().await;
    let password = "meadow-lantern-48-quarry-violin";
    assert_eq!(create(&folder, &["resource-server"]).code, 0);
    let customer = ["customer", "create", "--id", "shop", "--name", "John"];
    let staff = ["staff", "create", "--username", "shop", "--role", "agent"];
    assert!(folder.run_with(&customer, password).refusal().contains("shop is taken"));
    assert!(folder.run_with(&staff, password).refusal().contains("shop is taken"));
    assert!(folder.run(&["customer", "show", "shop"]).refusal().contains("no customer shop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_a_rotated_one_stays_good_until_the_next_rotation() {
    let folder = Folder::of_engine().await;
    let first = create(&folder, &["confidential"]).json()["client_secret"].as_str().unwrap().to_owned();
    assert!(first.starts_with("rsc_cs_") && first.len() == 59, "{first}");
    for command in [["client", "show", "shop"].as_slice(), &["client", "list"], &["audit", "export"]] {
        for json in [&["--json"][..], &[]] {
            let ran = folder.run(&[command, json].concat());
            assert!(ran.code == 0 && !ran.out.contains("rsc_cs_") && !ran.out.contains("digest"), "{ran:?}");
        }
    }
    let text = folder.run(&["client", "rotate-secret", "shop"]).out;
    let second = text.lines().find_map(|line| line.strip_prefix("client_secret: ")).unwrap().to_owned();
    assert!(text.contains("(shown once)"), "{text}");

    let server = folder.serve().await;
    let grant = [("grant_type", "client_credentials")];
    let status = async |secret: &str| server.post("/oauth/token", Some(("shop", secret)), &grant).await.status;
    assert_eq!((status(&first).await, status(&second).await), (StatusCode::OK, StatusCode::OK));
    let rotate = |more: &[&str]| -> Value {
        folder.run(&[&["client", "rotate-secret", "shop", "--json"], more].concat()).json()
    };
    let third = rotate(&[])["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(status(&first).await, StatusCode::UNAUTHORIZED, "two may live, not three");
    assert_eq!((status(&second).await, status(&third).await), (StatusCode::OK, StatusCode::OK));
    let fourth = rotate(&["--end-old"])["client_secret"].as_str().unwrap().to_owned();
    assert_eq!((status(&second).await, status(&third).await), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(status(&fourth).await, StatusCode::OK);

    let disabled = folder.run(&["client", "disable", "shop", "--reason", "secret leaked", "--json"]).json();
    assert_eq!(disabled["status"], json!("confirmed"));
    assert_eq!(status(&fourth).await, StatusCode::UNAUTHORIZED);
    assert!(folder.run(&["client", "list"]).out.contains("DISABLED"));
    assert_eq!(folder.run(&["client", "enable", "shop"]).code, 0);
    assert_eq!(status(&fourth).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colour_is_checked_where_it_comes_in_and_kept_in_one_spelling() {
    let folder = Folder::of_engine().await;
    let shop = ["public", "--redirect-uri", "com.shop.app:/cb", "--color"];
    for bad in ["red", "#fff", "0b5c57", "#0b5c57;}body{display:none"] {
        let ran = create(&folder, &[&shop[..], &[bad]].concat());
        assert!(ran.code == 2 && ran.err.contains("six hexadecimal digits"), "{bad}: {ran:?}");
    }
    assert_eq!(create(&folder, &[&shop[..], &["#0B5C57"]].concat()).code, 0);
    assert_eq!(folder.run(&["client", "show", "shop", "--json"]).json()["color"], json!("#0b5c57"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_has_no_secret_to_rotate() {
    let folder = Folder::of_engine().await;
    let made = create(&folder, &["public", "--redirect-uri", "com.shop.app:/cb"]).json();
    assert_eq!(made, json!({ "client_id": "shop" }));
    assert!(folder.run(&["client", "rotate-secret", "shop"]).refusal().contains("public"));
}
