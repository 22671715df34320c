//! Staff at the console, as far as HTTP sees them.

use rescind::model::staff::Role;

use super::browser::{Browser, Seen};
use super::{PASSWORD, TestServer};

/// The user name of the member of staff every test server has for a role.
pub fn username(role: Role) -> String {
    format!("the-{}", role.as_str())
}

impl TestServer {
    /// A browser in which the member of staff of a role is signed in to the console.
    pub async fn staff(&self, role: Role) -> Browser {
        let mut browser = Browser::new(self);
        let seen = browser.staff_sign_in(&username(role), PASSWORD).await;
        assert_eq!((seen.status.as_u16(), seen.location()), (303, "/console"), "{role:?}: {}", seen.body);
        browser
    }
}

impl Browser {
    /// Opens the console's sign-in page and types a name and a password.
    pub async fn staff_sign_in(&mut self, username: &str, password: &str) -> Seen {
        let page = self.get("/console/login").await;
        self.submit(&page, "/console/login", &[("username", username), ("password", password)]).await
    }

    /// Submits the form of a page: its fields, with the page's anti-forgery token.
    pub async fn submit(&mut self, page: &Seen, path: &str, fields: &[(&str, &str)]) -> Seen {
        let csrf = page.csrf();
        let form: Vec<(&str, &str)> =
            [("csrf_token", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post(path, &form).await
    }

    /// Presses the button of a form that asks why, as it stands on a page of the console: its address and key, with these
    /// fields.
    pub async fn press(&mut self, page: &Seen, fields: &[(&str, &str)]) -> Seen {
        let (form, incident) = (page.asking_form(), page.hidden("incident"));
        let own = [("key", form.1.as_str())].into_iter().chain(incident.as_deref().map(|number| ("incident", number)));
        let fields: Vec<(&str, &str)> = own.chain(fields.iter().copied()).collect();
        self.submit(page, &form.0, &fields).await
    }

    /// Opens a customer, locks all devices, and opens the receipt.
    pub async fn lock_customer(&mut self, customer: &str, reason: &str) -> Seen {
        let page = self.get(&format!("/console/customers/{customer}")).await;
        let pressed = self.press(&page, &[("reason", reason)]).await;
        assert_eq!(pressed.status.as_u16(), 303, "{}", pressed.body);
        self.get(pressed.location()).await
    }

    /// Signs out of the console.
    pub async fn staff_sign_out(&mut self) -> Seen {
        let page = self.get("/console").await;
        self.submit(&page, "/console/sign-out", &[]).await
    }
}

impl Seen {
    /// Address and key of the form that asks why.
    pub fn asking_form(&self) -> (String, String) {
        let (before, after) = self.body.split_once("name=\"key\" value=\"").unwrap_or_else(|| panic!("{}", self.body));
        let action = before.rsplit_once("action=\"").map(|(_, rest)| rest).expect("an address");
        let until = |text: &str| text.split_once('"').map(|(value, _)| value.to_owned()).expect("a value");
        (until(action), until(after))
    }

    /// The value of a hidden field, if the page has it.
    pub fn hidden(&self, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("type=\"hidden\" name=\"{name}\" value=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    }

    /// The page's words alone: what a person reads, without markup, in one line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for piece in self.body.split('<').skip(1) {
            let (tag, words) = piece.split_once('>').unwrap_or_default();
            let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            if !["a", "bdi", "span", "strong", "time"].contains(&name) {
                text.push(' ');
            }
            text.push_str(words);
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
