//! Devices: where people sign in. A device is (customer, browser cookie) or (customer, client, `device_id`).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::{ClientId, CustomerId};
use crate::clock::Timestamp;

/// Most characters kept of anything a device says about itself.
pub const LONGEST_DETAIL: usize = 200;

/// What an app or browser says about the device it runs on. Never trusted, only shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDetails {
    /// `device_name`, such as "John's iPhone".
    pub name: Option<String>,
    /// `device_model`, such as `iPhone14,2`.
    pub model: Option<String>,
    /// `Sec-CH-UA-Platform`, such as Windows.
    #[serde(default)]
    pub platform: Option<String>,
    /// `os_version`, or `Sec-CH-UA-Platform-Version`.
    pub os_version: Option<String>,
    /// `app_version`.
    pub app_version: Option<String>,
    /// `timezone`.
    pub timezone: Option<String>,
    /// `language`.
    pub language: Option<String>,
    /// `User-Agent` of the request.
    pub user_agent: Option<String>,
}

/// What a device is, for its picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A telephone.
    Phone,
    /// A tablet.
    Tablet,
    /// A desk or lap computer.
    Computer,
    /// A television, or a box beside one.
    Tv,
    /// A watch.
    Watch,
    /// Nobody can tell.
    #[default]
    Unknown,
}

impl DeviceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Phone, Self::Tablet, Self::Computer, Self::Tv, Self::Watch, Self::Unknown];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Computer => "computer",
            Self::Tv => "tv",
            Self::Watch => "watch",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Keeps a detail harmless: no control characters, none that break lines or turn the direction of writing, cut to
/// [`LONGEST_DETAIL`] characters; empty means absent.
#[must_use]
pub fn detail(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|c| !c.is_control() && !misleads(*c)).take(LONGEST_DETAIL).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Characters by which a line can look like another: bidirectional controls (Unicode TR 36 §2.5), line and paragraph ends.
fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A device as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Our id for it.
    pub device_id: Uuid,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The client that named it, if an app did.
    pub client_id: Option<ClientId>,
    /// What it says about itself.
    pub details: DeviceDetails,
    /// Address of its last sign-in or request.
    pub address: Option<String>,
    /// First sign-in.
    pub first_seen_at: Timestamp,
    /// Last request we know of.
    pub last_seen_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Uses of one device within one minute, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceUses {
    /// Whose device.
    pub customer_id: String,
    /// The beginning of the minute.
    pub at_minute: Timestamp,
    /// The device.
    pub device_id: String,
    /// The client id of the resource server that asked about a token.
    pub checker_id: String,
    /// The address it told; empty if it told none.
    pub address: String,
    /// How often.
    pub count: i64,
}
