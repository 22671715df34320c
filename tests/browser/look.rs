//! How a page is looked at: on a phone or on a desk, by day or by night.

use std::fmt;

use super::driver::Driver;
use serde_json::json;

/// Width and scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// The dark scheme.
    pub is_dark: bool,
}

/// A phone, by day.
pub const PHONE: Look = Look { width: 390, height: 844, is_dark: false };
/// A desk, by day.
pub const DESK: Look = Look { width: 1280, height: 900, is_dark: false };
/// All ways a page is looked at.
pub const LOOKS: [Look; 4] = [Look { is_dark: true, ..PHONE }, PHONE, Look { is_dark: true, ..DESK }, DESK];

impl Look {
    /// Makes the browser look this way from now on.
    pub async fn put_on(self, driver: &Driver) {
        let size = json!({
            "width": self.width, "height": self.height, "deviceScaleFactor": 1, "mobile": self.width < 600,
        });
        driver.chromium("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if self.is_dark { "dark" } else { "light" };
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            // Nothing is measured, or pictured, halfway.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        driver.chromium("Emulation.setEmulatedMedia", media).await;
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} px {}", self.width, if self.is_dark { "dark" } else { "light" })
    }
}
