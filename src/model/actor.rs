//! Who does something, from where, in which request: what every audit row says.

use std::net::IpAddr;

use super::ids::{ClientId, CustomerId, StaffId};

/// Who does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person signing in, not yet known.
    Anonymous,
    /// A customer.
    Customer(CustomerId),
    /// A client or resource server.
    Client(ClientId),
    /// A member of staff.
    Staff(StaffId),
    /// Whoever has a shell on the server, by their account there.
    Shell(String),
    /// The server itself.
    System,
}

impl Who {
    /// The kind's name in the audit table.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Customer(_) => "customer",
            Self::Client(_) => "client",
            Self::Staff(_) => "staff",
            Self::Shell(_) => "shell",
            Self::System => "system",
        }
    }

    /// The name in the audit table.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous | Self::System => "",
            Self::Customer(id) => id.as_str(),
            Self::Client(id) => id.as_str(),
            Self::Staff(id) => id.as_str(),
            Self::Shell(name) => name,
        }
    }

    /// `kind:name`, as incidents keep it.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("{}:{}", self.kind(), self.name())
    }
}

/// Who does it, from where, in which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// From which address.
    pub address: Option<IpAddr>,
    /// With which program, cut to a harmless length.
    pub agent: Option<String>,
    /// In which request.
    pub request_id: String,
}

impl Actor {
    /// The same request, with the person now known.
    #[must_use]
    pub fn as_who(&self, who: Who) -> Self {
        Self { who, ..self.clone() }
    }
}
