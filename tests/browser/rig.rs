//! The rig itself: nothing leaves the host, nothing is left behind.

use super::chromium::processes_of;
use super::person::Person;
use super::support::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_would_leave_the_host_is_seen_and_goes_nowhere() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/login").await;
    assert_eq!(person.wire().await.strangers(person.base()), Vec::<String>::new());
    // Chromium's word for "nobody answered" differs; that nobody did is seen by the proxy.
    let _ = person.driver().goto("http://elsewhere.example/x").await;
    assert_eq!(person.wire().await.strangers(person.base())[0], "http://elsewhere.example/x");
    assert!(person.chromium.sink.asked().iter().any(|line| line.contains("elsewhere.example")), "it went another way");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/login").await;
    let folder = person.chromium.folder().to_owned();
    assert!(processes_of(&folder).len() > 3, "Chromium runs in its folder");
    drop(person);
    assert_eq!(processes_of(&folder), Vec::<String>::new());
    assert!(!folder.exists(), "{folder:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_no_page_runs_any() {
    let server = TestServer::start().await;
    let page = "data:text/html,<title>before</title><p>x</p><script>document.title = 'after'</script>";
    for (script, title) in [(true, "after"), (false, "before")] {
        let person = if script { Person::new(&server).await } else { Person::without_script(&server).await };
        person.driver().goto(page).await.expect("a page");
        assert_eq!(person.driver().title().await, title);
    }
}
