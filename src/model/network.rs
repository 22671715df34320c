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
        let address = Ipv6Addr::from(self.address).to_canonical();
        let bits = if address.is_ipv4() { self.bits - 96 } else { self.bits };
        format!("{address}/{bits}")
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
