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

    /// Signs out of the console.
    pub async fn staff_sign_out(&mut self) -> Seen {
        let page = self.get("/console").await;
        self.submit(&page, "/console/sign-out", &[]).await
    }
}
