//! What the layout of every console page shows around the page itself. Decides nothing.

use super::error::role_name;
use crate::model::staff::Role;
use crate::policy::roles::{Deed, may};
use crate::web::guard::staff::Staff;

/// Rooms of the console: address, name, and what somebody must be allowed to do to be shown the way.
const ROOMS: [(&str, &str, Deed); 5] = [
    ("/console", "Overview", Deed::SeeFigures),
    ("/console/incidents", "Incidents", Deed::ReadIncidents),
    ("/console/audit", "Audit trail", Deed::ReadAudit),
    ("/console/staff", "Staff", Deed::ManageStaff),
    ("/console/clients", "Clients", Deed::ManageClients),
];

/// Who is signed in, and where they may go.
#[derive(Clone, Debug)]
pub struct StaffFrame {
    /// Who.
    pub username: String,
    /// What they are.
    pub role: Role,
    /// The same, as people say it.
    pub role_name: String,
    /// Anti-forgery token of their session, for the sign-out form.
    pub csrf: String,
    /// Address, words, and whether it is this page.
    pub links: Vec<(String, String, bool)>,
    /// Whether the search box is shown.
    pub may_search: bool,
    /// Words searched for, shown in the search box.
    pub words: String,
}

impl StaffFrame {
    /// The frame of a page for somebody; `here`: the address of the room they are in.
    #[must_use]
    pub fn new(staff: &Staff, here: &str) -> Self {
        let shown = ROOMS.iter().filter(|(_, _, deed)| may(staff.role, *deed));
        let link = |(to, name, _): &(&str, &str, Deed)| ((*to).to_owned(), (*name).to_owned(), *to == here);
        Self {
            username: staff.username.to_string(),
            role: staff.role,
            role_name: role_name(staff.role).to_owned(),
            csrf: staff.csrf.clone(),
            links: shown.map(link).collect(),
            may_search: may(staff.role, Deed::SearchCustomer),
            words: String::new(),
        }
    }

    /// With the words that were searched for.
    #[must_use]
    pub fn searching(self, words: &str) -> Self {
        Self { words: words.to_owned(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::moment::Moment;
    use crate::web::page::Frame;
    use askama::Template;

    #[derive(Template)]
    #[template(
        ext = "html",
        source = r#"{% extends "console/layout.html" %}{% import "parts.html" as parts %}
{% block title %}Parts{% endblock %}
{% block main %}
{% call parts::banner("alarm", words, true) %}{% endcall %}
{% call parts::banner("good", words, false) %}{% endcall %}
{% call parts::chip("warn", words) %}{% endcall %}
{% call parts::error("reason", problem) %}{% endcall %}
{% call parts::time(seen) %}{% endcall %}
{% for kind in kinds %}{% call parts::icon(kind) %}{% endcall %}{% endfor %}
{% call parts::pager(None::<String>, next) %}{% endcall %}
{% endblock %}"#
    )]
    struct Parts {
        frame: Frame,
        staff: StaffFrame,
        words: String,
        problem: Option<String>,
        seen: Moment,
        kinds: [&'static str; 6],
        next: Option<String>,
    }

    const HOSTILE: &str = "<b>\"'&";

    fn page(may_search: bool) -> String {
        let links = [("/console", "Overview", true), ("/console/audit", "Audit", false)];
        let staff = StaffFrame {
            username: format!("amina{HOSTILE}"),
            role: Role::Agent,
            role_name: "Agent".to_owned(),
            csrf: "token".to_owned(),
            links: links.map(|(to, label, here)| (to.to_owned(), label.to_owned(), here)).into(),
            may_search,
            words: HOSTILE.to_owned(),
        };
        let words = HOSTILE.to_owned();
        let seen = Moment {
            iso: "2026-11-20T12:20:00Z".to_owned(),
            exact: "3:20 PM".to_owned(),
            relative: "2 min ago".to_owned(),
        };
        let kinds = ["phone", "tablet", "computer", "tv", "watch", "unknown"];
        let (problem, next) = (Some(HOSTILE.to_owned()), Some("/console/audit?after=1&x=\"".to_owned()));
        Parts { frame: Frame::bare(), staff, words, problem, seen, kinds, next }.render().unwrap()
    }

    #[test]
    fn ui_07_parts_and_layout_show_text_as_text() {
        let html = page(true);
        assert!(!html.contains("<b>") && !html.contains("x=\"\""), "{html}");
        assert_eq!(html.matches("&#60;b&#62;&#34;&#39;&#38;").count(), 6, "{html}");
    }

    #[test]
    fn parts_are_what_the_stylesheet_knows() {
        let html = page(true);
        for part in [
            "<p class=\"banner alarm\" role=\"alert\">",
            "<p class=\"banner good\" role=\"status\">",
            "<span class=\"chip warn\">",
            "<p class=\"error\" id=\"reason-error\">",
            "<time datetime=\"2026-11-20T12:20:00Z\">3:20 PM</time> <span class=\"fine\">(2 min ago)</span>",
            "<a class=\"button small\" rel=\"next\"",
            "<main id=\"main\" class=\"wide\"",
            "<a href=\"/console\" aria-current=\"page\">Overview</a>",
            "<a href=\"/console/audit\">Audit</a>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("rel=\"prev\""), "there is no page before");
        let drawings: std::collections::BTreeSet<&str> =
            html.split("<path d=").skip(1).filter_map(|rest| rest.split("/>").next()).collect();
        assert_eq!(drawings.len(), 6, "each kind has a drawing of its own");
    }

    #[test]
    fn whoever_may_not_search_has_no_search_box() {
        assert!(page(true).contains("role=\"search\"") && !page(false).contains("role=\"search\""));
    }
}
