//! Addresses and networks.

use std::net::{IpAddr, Ipv6Addr};

/// An address, or a network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let bits = match (address, bits) {
            (IpAddr::V4(_), Some(bits)) if bits <= 32 => bits + 96,
            (IpAddr::V6(_), Some(bits)) if bits <= 128 => bits,
            (_, None) => 128,
            (_, Some(_)) => return None,
        };
        Some(Self { address: as_v6(address), bits })
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn has(self, peer: IpAddr) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        self.address & mask == as_v6(peer) & mask
    }

    /// How much of an address it says, of 128 bits: the more, the smaller the network.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// As it is written in settings.
    #[must_use]
    pub fn text(self) -> String {
        let address = Ipv6Addr::from(self.address);
        match (address.to_ipv4_mapped(), self.bits.checked_sub(96)) {
            (Some(v4), Some(bits)) => format!("{v4}/{bits}"),
            (_, _) => format!("{address}/{}", self.bits),
        }
    }
}

/// An address as far as it tells one subscriber from another: IPv4 whole, also when mapped into IPv6; of IPv6 the /64, which
/// one subscriber has to themselves.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip @ IpAddr::V4(_) => ip,
    }
}

fn as_v6(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses() -> impl Strategy<Value = IpAddr> {
        let v4 = any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()));
        let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
        prop_oneof![v4.clone(), v6, v4.prop_map(|v4| IpAddr::V6(Ipv6Addr::from_bits(as_v6(v4))))]
    }

    proptest! {
        #[test]
        fn a_network_has_what_begins_as_it_does_and_is_written_as_it_is_read(
            address in addresses(), bits in 0..=128_u32, other in addresses(), near in 0..=128_u32,
        ) {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let Some(network) = Network::parse(&format!("{address}/{bits}")) else {
                prop_assert!(bits > width);
                return Ok(());
            };
            prop_assert!(bits <= width && network.has(address));
            prop_assert_eq!(Network::parse(&network.text()), Some(network));
            prop_assert_eq!(network.bits(), bits + 128 - width);
            // The same as it for some bits, and then another.
            let (from, to) = (as_v6(address), as_v6(other));
            let kept = u128::MAX.checked_shl(128 - near).unwrap_or(0);
            let close = from & kept | to & !kept;
            let same = (from ^ close).leading_zeros();
            prop_assert_eq!(network.has(IpAddr::V6(Ipv6Addr::from_bits(close))), same >= network.bits());
        }
    }

    #[test]
    fn a_network_wider_than_all_of_ipv4_is_written_as_ipv6() {
        let wide = Network::parse("::ffff:10.0.0.0/64").unwrap();
        assert_eq!(wide.text(), "::ffff:10.0.0.0/64");
        assert_eq!(Network::parse("::ffff:10.0.0.0/104").unwrap().text(), "10.0.0.0/8");
    }
}
