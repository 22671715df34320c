//! WHERE: the coarse place of an address, for people. Networks that settings name come first, then a MaxMind-format file.
//! A place is never evidence: addresses are shared, rented and borrowed. The address itself is not handed out.

mod file;
pub mod networks;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use file::PlacesFile;
use networks::NamedNetwork;

/// What is known about where addresses are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Smallest network first.
    networks: Arc<[NamedNetwork]>,
    file: Option<Arc<PlacesFile>>,
}

impl Places {
    /// Reads the file, if one is configured; the error is words that follow the setting's name.
    pub fn open(networks: &[NamedNetwork], file: Option<&Path>) -> Result<Self, String> {
        let mut networks = networks.to_vec();
        networks.sort_by_key(|named| std::cmp::Reverse(named.network.bits()));
        Ok(Self { networks: networks.into(), file: file.map(PlacesFile::open).transpose()?.map(Arc::new) })
    }

    /// The place of an address as it is stored: the name of the smallest network it is in, else city and country (such as
    /// `Nairobi, KE`), else what kind of private address it is; `None` if nothing is known.
    #[must_use]
    pub fn of(&self, address: Option<&str>) -> Option<String> {
        let address = address?.parse::<IpAddr>().ok()?.to_canonical();
        let named = self.networks.iter().find(|named| named.network.has(address)).map(|named| named.name.clone());
        named.or_else(|| self.file.as_ref()?.find(address)).or_else(|| private(address).map(str::to_owned))
    }
}

fn private(address: IpAddr) -> Option<&'static str> {
    let is_private = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    match (address.is_loopback(), is_private) {
        (true, _) => Some("This machine"),
        (false, true) => Some("Private network"),
        (false, false) => None,
    }
}
