//! A file of places in `MaxMind`'s format (GeoLite2 City or Country and what others make in that shape). Read whole at the
//! start, and looked at: a file that is broken or about something else is refused then, not found empty later.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, WithinOptions, geoip2};

use crate::model::device::detail;

/// Entries looked at when the file is opened.
const LOOKED_AT: usize = 1_000;

/// The file, in memory.
#[derive(Debug)]
pub struct PlacesFile(Reader<Vec<u8>>);

impl PlacesFile {
    /// Reads a file; the error is words that follow the setting's name.
    pub fn open(path: &Path) -> Result<Self, String> {
        let wrong = |why: String| format!("cannot be used: {}: {why}", path.display());
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let reader =
            Reader::from_source(bytes).map_err(|_| wrong("not a MaxMind-format file, or a damaged one".to_owned()))?;
        match knows_places(&reader) {
            Ok(true) => Ok(Self(reader)),
            Ok(false) => Err(wrong("it holds no cities or countries".to_owned())),
            Err(_) => Err(wrong("it is damaged".to_owned())),
        }
    }

    /// City and country, or the country, in English.
    pub fn find(&self, address: IpAddr) -> Option<String> {
        let found = self.0.lookup(address).ok()?.decode::<geoip2::City<'_>>().ok()??;
        place(&found)
    }
}

fn knows_places(reader: &Reader<Vec<u8>>) -> Result<bool, maxminddb::MaxMindDbError> {
    for entry in reader.networks(WithinOptions::default())?.take(LOOKED_AT) {
        let found = entry?.decode::<geoip2::City<'_>>()?;
        if found.as_ref().and_then(place).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn place(found: &geoip2::City<'_>) -> Option<String> {
    let country = found.country.iso_code.and_then(detail);
    match (found.city.names.english.and_then(detail), country) {
        (Some(city), Some(country)) => Some(format!("{city}, {country}")),
        (Some(city), None) => Some(city),
        (None, country) => found.country.names.english.and_then(detail).or(country),
    }
}
