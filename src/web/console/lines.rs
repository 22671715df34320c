//! The lines of a customer's page: devices, sessions, events, changes and incidents, in words.

use super::events::{self, Known};
use super::incidents::person;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::audit::Row;
use crate::model::customer::ContactChange;
use crate::model::device::Device;
use crate::policy::{device_name, mask};
use crate::service::caller::{COUNTED, Caller, OnDevice, UsedDevice, recent};
use crate::service::sessions::SessionView;
use crate::web::moment::{Moment, Moments};

/// A device in the table.
pub struct DeviceLine {
    /// Its id.
    pub id: String,
    /// Kind of icon.
    pub icon: &'static str,
    /// What it is called.
    pub name: String,
    /// The app on it.
    pub app: Option<String>,
    /// Last seen.
    pub seen: Moment,
    /// Where.
    pub place: Option<String>,
    /// When it was revoked, if it is.
    pub revoked: Option<Moment>,
    /// Whether it was used since the time asked about.
    pub is_active_since: bool,
    /// Live sessions on it.
    pub sessions: Vec<SessionLine>,
    /// Where the others are.
    pub more: Option<String>,
    /// Sign-ins on our own pages there: since when, last seen.
    pub browsers: Vec<(Moment, Moment)>,
}

impl DeviceLine {
    /// What lives on it, in a word or two. Sessions are those of apps, as the page's figures and the receipt count them.
    #[must_use]
    pub fn summary(&self) -> String {
        let over = if self.more.is_some() { "more than " } else { "" };
        let of = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let apps = (!self.sessions.is_empty())
            .then(|| format!("{over}{}", of(self.sessions.len(), "app session", "app sessions")));
        let pages = (!self.browsers.is_empty())
            .then(|| of(self.browsers.len(), "sign-in on our pages", "sign-ins on our pages"));
        apps.into_iter().chain(pages).collect::<Vec<_>>().join(", ")
    }
}

/// A session under a device.
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// The end of its id, to tell it from others.
    pub short: String,
    /// The app.
    pub client: String,
    /// Since when.
    pub since: Moment,
    /// Last seen.
    pub seen: Moment,
}

/// Something that happened.
pub struct EventLine {
    /// When.
    pub at: Moment,
    /// What.
    pub words: String,
    /// Where.
    pub place: Option<String>,
    /// Whether it should be looked at.
    pub is_alarm: bool,
}

/// What a device was used for.
pub struct UseLine {
    /// The device.
    pub device: String,
    /// What it used.
    pub checker: String,
    /// How often.
    pub times: String,
    /// First, if that was in another minute than the last.
    pub first: Option<Moment>,
    /// Last.
    pub last: Moment,
    /// Where, if that was told.
    pub place: Option<String>,
}

/// A changed contact detail.
pub struct Change {
    /// When.
    pub at: Moment,
    /// Which.
    pub field: &'static str,
    /// Before, masked.
    pub before: Option<String>,
    /// After, masked.
    pub after: Option<String>,
    /// By whom.
    pub by: String,
}

/// What the person on the phone must be told of, or asked about.
pub enum Warning {
    /// A token was used by two.
    Theft(Moment, String),
    /// Contact details were changed lately.
    Contact(Moment, &'static str),
}

/// A number that was counted up to a bound.
#[must_use]
pub fn counted(count: i64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count if count > COUNTED => format!("more than 1,000 {many}"),
        count => format!("{count} {many}"),
    }
}

/// A device's name and place, as the console shows them.
#[must_use]
pub fn device_line(app: &App, moments: &Moments, line: &OnDevice, since: Option<Timestamp>) -> DeviceLine {
    let device = &line.device;
    DeviceLine {
        id: device.device_id.to_string(),
        icon: device_name::kind(device).as_str(),
        name: device_name::name(device),
        app: line.app.clone(),
        seen: moments.show(device.last_seen_at),
        place: app.places.of(device.address.as_deref()),
        revoked: device.revoked_at.map(|at| moments.show(at)),
        is_active_since: since.is_some_and(|since| device.last_seen_at >= since),
        sessions: line.sessions.iter().map(|session| session_line(moments, session)).collect(),
        more: line.next.map(|next| format!("/console/devices/{}?after={}", device.device_id, next.text())),
        browsers: line.browsers.iter().map(|b| (moments.show(b.auth_at), moments.show(b.last_seen_at))).collect(),
    }
}

fn session_line(moments: &Moments, session: &SessionView) -> SessionLine {
    let id = session.session_id.to_string();
    SessionLine {
        short: id.chars().skip(id.len().saturating_sub(6)).collect(),
        id,
        client: session.client_name.clone(),
        since: moments.show(session.created_at),
        seen: moments.show(session.last_seen_at),
    }
}

/// What the lines of one page share: times, places and the names of devices.
pub struct Names<'a> {
    app: &'a App,
    moments: &'a Moments,
    known: Known,
}

impl<'a> Names<'a> {
    /// Of a customer's page.
    #[must_use]
    pub fn new(app: &'a App, moments: &'a Moments, caller: &Caller) -> Self {
        let named = |device: &Device| (device.device_id.to_string(), device_name::name(device));
        let sessions = caller.devices.iter().flat_map(|line| &line.sessions);
        let living = sessions.map(|session| (session.client_id.clone(), session.client_name.clone()));
        // Names outlive sessions: after a lockdown none is left.
        let lasting = caller.devices.iter().filter_map(|line| Some((&line.device.client_id, line.app.clone()?)));
        let lasting = lasting.filter_map(|(id, name)| Some((id.as_ref()?.to_string(), name)));
        let apps = lasting.chain(living).collect();
        let devices = caller.devices.iter().map(|line| named(&line.device)).collect();
        Self { app, moments, known: Known { devices, apps } }
    }

    /// Of a page that names no devices.
    #[must_use]
    pub fn of_nobody(app: &'a App, moments: &'a Moments) -> Self {
        Self { app, moments, known: Known::default() }
    }

    /// A device.
    #[must_use]
    pub fn device(&self, line: &OnDevice, since: Option<Timestamp>) -> DeviceLine {
        device_line(self.app, self.moments, line, since)
    }

    /// An event.
    #[must_use]
    pub fn event(&self, row: &Row) -> EventLine {
        // The address of staff and machines is where they are, not the customer.
        let is_customers = matches!(row.actor_kind.as_str(), "customer" | "anonymous");
        EventLine {
            at: self.moments.show(row.at),
            words: events::words(row, &self.known),
            place: self.app.places.of(row.address.as_deref().filter(|_| is_customers)),
            is_alarm: row.outcome == "alarm",
        }
    }

    /// A use of a device.
    #[must_use]
    pub fn used(&self, line: &UsedDevice) -> UseLine {
        let uses = &line.uses;
        UseLine {
            device: line.device.as_ref().map_or_else(|| "A forgotten device".to_owned(), device_name::name),
            checker: uses.checker.clone().unwrap_or_else(|| "An API that is gone".to_owned()),
            times: if uses.count == 1 { "once".to_owned() } else { format!("{} times", uses.count) },
            first: (uses.first_at != uses.last_at).then(|| self.moments.show(uses.first_at)),
            last: self.moments.show(uses.last_at),
            place: self.app.places.of(uses.address.as_deref()),
        }
    }

    /// A look of a colleague.
    #[must_use]
    pub fn look(&self, row: &Row) -> (Moment, String) {
        (self.moments.show(row.at), events::who(&row.actor_kind, &row.actor_id))
    }

    /// A changed contact detail.
    #[must_use]
    pub fn change(&self, change: &ContactChange) -> Change {
        let masked = |value: &Option<String>| value.as_deref().map(|value| mask::contact(&change.field, value));
        Change {
            at: self.moments.show(change.changed_at),
            field: field(change),
            before: masked(&change.old_value),
            after: masked(&change.new_value),
            by: person(&change.changed_by),
        }
    }

    /// What must not be overlooked.
    #[must_use]
    pub fn warnings(&self, caller: &Caller, now: Timestamp) -> Vec<Warning> {
        let theft = |row: &Row| Warning::Theft(self.moments.show(row.at), events::words(row, &self.known));
        let mut all: Vec<Warning> = caller.alarm.iter().map(theft).collect();
        all.extend(contact_warnings(&caller.changes, caller, now, self.moments));
        all
    }
}

fn contact_warnings(changes: &[ContactChange], caller: &Caller, now: Timestamp, moments: &Moments) -> Vec<Warning> {
    let mut warned = Vec::new();
    for change in recent(changes, &caller.person.customer, now) {
        let is_new = !warned.iter().any(|(known, _)| *known == field(change));
        if is_new && change.field != "name" {
            warned.push((field(change), moments.show(change.changed_at)));
        }
    }
    warned.into_iter().map(|(field, at)| Warning::Contact(at, field)).collect()
}

fn field(change: &ContactChange) -> &'static str {
    match change.field.as_str() {
        "phone" => "Phone number",
        "email" => "E-mail address",
        "name" => "Name",
        _ => "Contact detail",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_say_when_counting_stopped() {
        assert_eq!(counted(0, "device", "devices"), "0 devices");
        assert_eq!(counted(1, "device", "devices"), "1 device");
        assert_eq!(counted(COUNTED, "device", "devices"), "1000 devices");
        assert_eq!(counted(COUNTED + 1, "device", "devices"), "more than 1,000 devices");
    }
}
