//! What every page promises, whoever looks at it and however: no barrier axe-core knows, nothing outside the screen, a
//! strict policy, nobody else asked, less than 100 KB, and a browser without complaints.

use serde_json::{Value, json};

use super::look::LOOKS;
use super::person::Person;
use super::wire::Document;

const AXE: &str = include_str!("vendor/axe.min.js");

/// Most bytes of a page with everything it needs.
const HEAVIEST: u64 = 100 * 1024;

/// All rules that are on by default (WCAG A and AA, best practices), and those of WCAG 2.2 that are not.
const RUN_AXE: &str = r"
const done = arguments[arguments.length - 1];
axe.run(document, { rules: { 'target-size': { enabled: true } } }).then(
  found => done(found.violations.map(one => ({ id: one.id, help: one.help, at: one.nodes.map(n => n.html + ' -- ' + n.failureSummary) }))),
  error => done([{ id: 'axe', help: String(error), at: [] }]));";

/// Whatever reaches out of the screen sideways. What is meant for screen readers, or scrolls in a box of its own, may.
const OUTSIDE: &str = r"
const wide = document.documentElement.clientWidth, found = [];
if (innerWidth !== arguments[0]) found.push('the page made the window ' + innerWidth + ' wide');
if (document.documentElement.scrollWidth > wide) found.push('the page scrolls sideways to ' + document.documentElement.scrollWidth);
const may = e => e.closest('.skip') || clipped(e) || scrolls(e.parentElement);
const clipped = e => e && (getComputedStyle(e).clipPath !== 'none' || clipped(e.parentElement));
const scrolls = e => e && (['auto', 'scroll'].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
for (const e of document.body.querySelectorAll('*')) {
  const box = e.getBoundingClientRect();
  if (box.width > 1 && box.height > 1 && (box.left < -0.5 || box.right > wide + 0.5) && !may(e))
    found.push(e.outerHTML.slice(0, 120) + ' from ' + box.left + ' to ' + box.right);
}
return found;";

/// Looks at the page that is open in all four ways. `state`: what it is called if it fails. The page as it came.
pub async fn hold(person: &Person, state: &str) -> Document {
    let wire = person.wire().await;
    let page = wire.documents.last().unwrap_or_else(|| panic!("{state}: no page came since the last look"));
    policy(page, state);
    assert_eq!(wire.strangers(person.base()), Vec::<String>::new(), "{state}: somebody else was asked");
    assert!(wire.bytes > 500 && wire.bytes < HEAVIEST, "{state}: {} bytes", wire.bytes);

    look_at(person, state).await;
    page.clone()
}

/// Looks in all four ways at what is on the screen now, such as a dialog that was opened since the page came.
pub async fn look_at(person: &Person, state: &str) {
    let size = person.run("return document.documentElement.outerHTML.length", vec![]).await;
    assert!(size.as_u64() > Some(100), "{state}: an empty page");
    if person.has_script {
        person.run(AXE, vec![]).await;
    }
    for look in LOOKS {
        person.look(look).await;
        assert_eq!(barriers(person).await, json!([]), "{state}, {look}");
        assert_eq!(outside(person, look.width).await, json!([]), "{state}, {look}");
    }
    assert_eq!(person.complaints().await, Vec::<String>::new(), "{state}: the browser complains");
}

/// What axe-core finds; it must be in the page already. It cannot run where the page runs no script.
async fn barriers(person: &Person) -> Value {
    if !person.has_script {
        return json!([]);
    }
    person.run_async(RUN_AXE, vec![]).await
}

async fn outside(person: &Person, width: u32) -> Value {
    person.run(OUTSIDE, vec![json!(width)]).await
}

/// UI-04, 05, 06: a strict policy, and none of it `unsafe-`.
fn policy(page: &Document, state: &str) {
    let policy = page.header("content-security-policy");
    for wanted in
        ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "object-src 'none'", "form-action "]
    {
        assert!(policy.contains(wanted), "{state}: no {wanted} in {policy:?}");
    }
    // An app on this device listens on whatever port is free (RFC 8252, 7.3).
    let rest = policy.replace("http://127.0.0.1:*", "");
    assert!(!policy.contains("unsafe-") && !rest.contains('*'), "{state}: {policy}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), value, "{state}: {name}");
    }
}

/// Every check catches what it is for: a page is broken in all these ways, one by one.
#[tokio::test(flavor = "multi_thread")]
async fn every_promise_catches_a_planted_breach() {
    let server = super::support::TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/login").await;
    hold(&person, "the sign-in page as it is").await;
    let breaches = [
        ("label", "document.querySelectorAll('label').forEach(e => e.remove())"),
        ("button-name", "document.querySelector('button').textContent = ''"),
        (
            "color-contrast",
            "document.querySelector('h1').style.color = '#d0d8d8'; document.querySelector('main').style.background = '#fff'",
        ),
        (
            "target-size",
            "for (const x of 'ab') document.querySelector('main').insertAdjacentHTML('beforeend', '<button>' + x + '</button>'); document.querySelectorAll('button').forEach(e => { e.style.cssText = 'width:12px;height:12px;padding:0;margin:0;display:inline-block;font-size:8px' })",
        ),
        ("page-has-heading-one", "document.querySelector('h1').outerHTML = '<p>Sign in</p>'"),
        ("region", "document.body.insertAdjacentHTML('beforeend', '<p>Words outside of any landmark</p>')"),
    ];
    for (rule, breach) in breaches {
        person.open("/login").await;
        person.run(AXE, vec![]).await;
        person.run(breach, vec![]).await;
        let found = barriers(&person).await;
        let rules: Vec<&str> = found.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
        assert!(rules.contains(&rule), "{rule} was not found, only {found}");
    }
    for breach in [
        "document.querySelector('h1').style.marginLeft = '2000px'",
        "document.querySelector('main').style.minWidth = '3000px'",
    ] {
        person.open("/login").await;
        person.run(breach, vec![]).await;
        assert_ne!(outside(&person, super::look::DESK.width).await, json!([]), "{breach}");
    }
    person.complaints().await;
    for breach in [
        "const s = document.createElement('script'); s.textContent = 'x = 1'; document.body.append(s)",
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')",
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://elsewhere.example/x.png\" alt=\"\">')",
    ] {
        person.open("/login").await;
        person.run(breach, vec![]).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let said = person.complaints().await;
        assert!(said.iter().any(|line| line.contains("Content Security Policy")), "{breach}: {said:?}");
    }
}
