//! Networks with names, as settings give them: `Branch Westlands=10.20.0.0/16`.

use crate::model::device::detail;
use crate::model::network::Network;

/// Most characters of a name.
const LONGEST_NAME: usize = 40;

/// A network and what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedNetwork {
    /// Such as `Branch Westlands`.
    pub name: String,
    /// Which addresses.
    pub network: Network,
}

impl NamedNetwork {
    /// Reads `NAME=NETWORK`; the error is words that follow the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |rule: &str| format!("has `{text}`: {rule}");
        let (name, network) = text.split_once('=').ok_or_else(|| wrong("write NAME=NETWORK"))?;
        let name = name.trim();
        if detail(name).as_deref() != Some(name) || name.chars().count() > LONGEST_NAME {
            return Err(wrong("a name is 1 to 40 characters"));
        }
        let network = Network::parse(network.trim()).ok_or_else(|| wrong("not a network such as 192.0.2.0/24"))?;
        Ok(Self { name: name.to_owned(), network })
    }

    /// As it is written in settings.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}={}", self.name, self.network.text())
    }
}
