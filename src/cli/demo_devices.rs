//! What the demo's people carry and where they are: model codes as real apps send them, documentation addresses, and names
//! for their networks.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::device::DeviceDetails;

/// `RESCIND_NETWORKS` of the demo.
pub const NETWORKS: &str = "Nairobi CBD=198.51.100.0/26, Westlands=198.51.100.64/26, Mombasa=198.51.100.128/26, \
                            Kisumu=198.51.100.192/26, Home WiFi=203.0.113.16/28";

/// A phone or tablet: what its app says of it, and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Handset {
    /// `device_name`.
    pub name: Option<&'static str>,
    /// `device_model`.
    pub model: &'static str,
    /// `os_version`.
    pub os_version: &'static str,
    /// Its address.
    pub address: Ipv4Addr,
}

const fn handset(model: &'static str, os_version: &'static str, address: [u8; 4]) -> Handset {
    let [a, b, c, d] = address;
    Handset { name: None, model, os_version, address: Ipv4Addr::new(a, b, c, d) }
}

/// John's: an iPhone 13 Pro and an iPad Air.
pub const JOHNS: [Handset; 2] = [
    Handset { name: Some("iPhone"), ..handset("iPhone14,2", "17.6.1", [198, 51, 100, 23]) },
    Handset { name: Some("iPad"), ..handset("iPad4,1", "12.5.7", [203, 0, 113, 20]) },
];

/// Everybody else's, in turn.
const OTHERS: [Handset; 12] = [
    Handset { name: Some("Family phone"), ..handset("SM-A546E", "14", [198, 51, 100, 71]) },
    handset("TECNO KI5q", "13", [198, 51, 100, 12]),
    handset("Infinix X6837", "13", [198, 51, 100, 140]),
    Handset { name: Some("iPhone"), ..handset("iPhone13,2", "16.7", [198, 51, 100, 30]) },
    handset("23106RN0DA", "13", [198, 51, 100, 201]),
    handset("itel A665L", "13", [198, 51, 100, 205]),
    handset("Pixel 8", "15", [198, 51, 100, 80]),
    handset("SM-A155F", "14", [192, 0, 2, 44]),
    handset("SM-X110", "13", [198, 51, 100, 90]),
    Handset { name: Some("iPhone"), ..handset("iPhone15,4", "17.6.1", [198, 51, 100, 150]) },
    handset("CPH2591", "14", [198, 51, 100, 41]),
    handset("2201117TG", "13", [192, 0, 2, 77]),
];

/// What the customer with this number in the list carries: one thing, now and then two.
pub fn of(index: usize) -> impl Iterator<Item = Handset> {
    let second = index.is_multiple_of(4).then(|| OTHERS[(index + 5) % OTHERS.len()]);
    std::iter::once(OTHERS[index % OTHERS.len()]).chain(second)
}

/// The computer from which every fifth of them looks at the pages.
pub fn computer(index: usize) -> Option<(DeviceDetails, IpAddr)> {
    let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
    let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15";
    let of_windows = DeviceDetails {
        platform: Some("Windows".to_owned()),
        os_version: Some("15.0.0".to_owned()),
        user_agent: Some(windows.to_owned()),
        ..DeviceDetails::default()
    };
    let of_a_mac = DeviceDetails { user_agent: Some(mac.to_owned()), ..DeviceDetails::default() };
    let address = IpAddr::from([198, 51, 100, if index.is_multiple_of(2) { 60 } else { 120 }]);
    index.is_multiple_of(5).then(|| (if index.is_multiple_of(2) { of_windows } else { of_a_mac }, address))
}
