//! Addresses as limits count them.

use std::net::IpAddr;

use crate::model::network::subscriber;

/// The key of an address: IPv4 whole, also when mapped into IPv6; IPv6 by its /64, which one subscriber has to themselves.
#[must_use]
pub fn address_key(ip: IpAddr) -> String {
    match subscriber(ip) {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(network) => format!("{network}/64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rat_01_ipv6_counts_by_64() {
        for (ip, key) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            assert_eq!(address_key(ip.parse().unwrap()), key, "{ip}");
        }
    }
}
