//! The console's lists: incidents, the audit trail, staff and clients, page by page, as text, and recorded when read
//! (AUD-01, UI-07).

use rescind::model::staff::Role;

use crate::support::browser::{Browser, Seen};
use crate::support::call::FORM;
use crate::support::{JOHN, TestServer};

/// How many lines the page's table has.
fn lines(page: &Seen) -> usize {
    page.body.split_once("<tbody>").map_or(0, |(_, rest)| rest.matches("<tr>").count())
}

/// Where the pager leads, if it leads there.
fn leads(page: &Seen, label: &str) -> Option<String> {
    let nav = page.body.split_once("<nav class=\"pager\"")?.1.split_once("</nav>")?.0.to_owned();
    let link = nav.split("<a ").find(|link| link.contains(&format!(">{label}</a>")))?.to_owned();
    let address = link.split_once("href=\"")?.1.split_once('"')?.0.to_owned();
    Some(address.replace("&#38;", "&"))
}

/// All pages of a list, from the first on.
async fn pages(browser: &mut Browser, path: &str) -> Vec<Seen> {
    let mut all = vec![browser.get(path).await];
    while let Some(next) = leads(&all[all.len() - 1], "Earlier") {
        assert!(all.len() < 20, "the pages never end");
        all.push(browser.get(&next).await);
    }
    assert!(all.iter().all(|page| page.status == 200));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_listed_newest_first_page_by_page_and_the_reading_is_recorded() {
    let server = TestServer::start().await;
    for n in 0..30 {
        server.lock(JOHN).await;
        if n < 29 {
            server.unlock(JOHN).await;
        }
        server.app.clock.advance(std::time::Duration::from_millis(1));
    }
    let mut agent = server.staff(Role::Agent).await;
    let all = pages(&mut agent, "/console/incidents").await;
    assert_eq!(all.iter().map(lines).collect::<Vec<_>>(), [25, 5]);
    assert_eq!(leads(&all[1], "Newest").as_deref(), Some("/console/incidents"));
    assert_eq!(all[0].body.matches(">Locked<").count(), 1, "the last one stands");
    assert!(all[0].body.find(">Locked<") < all[0].body.find(">Unlocked<"));
    assert!(all[0].body.contains(&format!("<a href=\"/console/customers/{JOHN}\">")));
    let numbers: std::collections::BTreeSet<&str> = all
        .iter()
        .flat_map(|page| page.body.split("<a href=\"/console/incidents/").skip(1))
        .map(|r| &r[..14])
        .collect();
    assert_eq!(numbers.len(), 30);

    let auditor = server.staff(Role::Auditor).await.get("/console/incidents").await;
    assert!(auditor.body.contains(JOHN) && !auditor.body.contains("/console/customers/"), "no way in for the auditor");
    let read = server.audit("incident_read").await;
    let by: Vec<&str> = read.iter().filter_map(|row| row["actor_id"].as_str()).collect();
    assert_eq!(by, ["the-agent", "the-agent", "the-auditor"]);
    for bad in ["x", "1.", "99999999999999999.INC_1", "1.%3Cb%3E"] {
        assert_eq!(agent.get(&format!("/console/incidents?before={bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_incidents_the_list_says_so() {
    let server = TestServer::start().await;
    let page = server.staff(Role::Agent).await.get("/console/incidents").await;
    assert!(page.body.contains("Nothing was locked or revoked yet") && !page.body.contains("<table"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditor_reads_the_trail_newest_first_of_one_customer_or_one_action() {
    let server = TestServer::start().await;
    server.lock(JOHN).await;
    server.unlock(JOHN).await;
    let mut auditor = server.staff(Role::Auditor).await;
    let page = auditor.get("/console/audit").await;
    let rows = page.body.split_once("<tbody>").expect("a table").1;
    assert!(
        rows.find("Reading of the audit trail") < rows.find("Lifting of a lockdown"),
        "that it is read stands first"
    );
    assert!(page.body.contains("<code class=\"fine\">lockdown</code>") && page.body.contains("program fraud-desk"));

    let page = auditor.get("/console/audit?action=lockdown").await;
    assert_eq!(lines(&page), 1, "{}", page.body);
    assert!(page.body.contains("<option value=\"lockdown\" selected>"));
    let page = auditor.get(&format!("/console/audit?customer={JOHN}&action=unlock")).await;
    assert_eq!(lines(&page), 1);
    assert!(page.body.contains(&format!("name=\"customer\" value=\"{JOHN}\"")));
    let page = auditor.get("/console/audit?customer=nobody").await;
    assert!(page.body.contains("Nothing fits"));
    let rows = server.audit("audit_read").await;
    let told: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["actor_id"] == "the-auditor")
        .map(|row| (row["target_id"].as_str().unwrap_or_default(), row["reason"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(told, [("*", ""), ("*", "lockdown"), (JOHN, "unlock"), ("nobody", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_trail_have_no_gaps_and_keep_what_was_asked_for() {
    let server = TestServer::start().await;
    for _ in 0..60 {
        server.staff(Role::Agent).await;
    }
    let mut auditor = server.staff(Role::Auditor).await;
    let all = pages(&mut auditor, "/console/audit?action=staff_sign_in").await;
    assert_eq!(all.iter().map(lines).collect::<Vec<_>>(), [50, 11]);
    assert_eq!(leads(&all[1], "Newest").as_deref(), Some("/console/audit?action=staff_sign_in"));
    assert_eq!(auditor.get("/console/audit?before=x").await.status, 400);
    assert_eq!(auditor.get("/console/audit?action=a&action=b").await.status, 400, "sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_07_hostile_text_in_the_trail_is_shown_as_text() {
    let server = TestServer::start().await;
    let hostile = "<script>alert(1)</script>\"'&=1+1";
    let page = Browser::new(&server).get("/console/login").await;
    let cookie = page.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let headers = [("Origin", crate::support::ISSUER), ("User-Agent", hostile), ("Cookie", cookie.as_str()), FORM];
    let body = format!("csrf_token={}&username=the-agent&password=wrong", page.csrf());
    assert_eq!(server.call("POST", "/console/login", &headers, &body).await.status, 422);
    let mut auditor = server.staff(Role::Auditor).await;
    let page = auditor.get("/console/audit?action=staff_sign_in").await;
    assert!(
        page.body.contains("<bdi>&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;=1+1</bdi>"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<script>"));
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("customer", hostile).finish();
    let page = auditor.get(&format!("/console/audit?{query}")).await;
    assert!(page.body.contains("value=\"&#60;script&#62;") && !page.body.contains("<script>"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_sees_staff_and_clients_and_the_commands_that_change_them() {
    let server = TestServer::start().await;
    server.db_disable("other-api").await;
    let mut admin = server.staff(Role::Admin).await;
    let page = admin.get("/console/staff").await;
    assert_eq!(lines(&page), 5);
    assert!(page.body.contains("the-supervisor") && page.body.contains("rescind staff disable NAME"));
    let page = admin.get("/console/clients").await;
    assert_eq!(lines(&page), 10);
    assert_eq!(page.body.matches(">disabled<").count(), 1);
    assert!(page.body.contains("naybitono-mobile") && page.body.contains("rescind client disable ID"));
    let rows = server.audit("settings_read").await;
    let told: Vec<&str> = rows.iter().filter_map(|row| row["target_kind"].as_str()).collect();
    assert_eq!(told, ["staff", "client"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_whoever_asks_for_a_page_of_another_role_is_refused_in_plain_words_and_written_down() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let seen = agent.get("/console/audit").await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("Your role (Agent) does not include this"), "{}", seen.body);
    assert!(seen.body.contains("the-agent"), "still in the console");
    let rows = server.audit("console_refuse").await;
    let told = (&rows[0]["actor_id"], &rows[0]["target_id"], &rows[0]["reason"]);
    assert_eq!((rows.len(), told), (1, (&"the-agent".into(), &"/console/audit".into(), &"role".into())));
    assert!(server.audit("audit_read").await.iter().all(|row| row["actor_id"] != "the-agent"));
}
