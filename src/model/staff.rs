//! Staff of the bank and what their roles may do (architecture.md, "Who may what").

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::StaffId;
use crate::clock::Timestamp;

/// A member of staff's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Contact-center agent.
    Agent,
    /// Supervises agents.
    Supervisor,
    /// Works in a branch, sees people's documents.
    Branch,
    /// Administers staff, clients and keys; sees no customer data.
    Admin,
    /// Reads audit and incidents.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Supervisor, Self::Branch, Self::Admin, Self::Auditor];

    /// The name in the table and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Branch => "branch",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A member of staff as stored, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Staff {
    /// Their user name.
    pub username: StaffId,
    /// What they may do.
    pub role: Role,
    /// When they were entered here.
    pub created_at: Timestamp,
    /// When they were disabled, if they are.
    pub disabled_at: Option<Timestamp>,
}

/// A member of staff signed in to the console, as stored. Its id is sealed in the console's cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffSession {
    /// What the cookie refers to.
    pub staff_session_id: Uuid,
    /// Who.
    pub username: StaffId,
    /// In which browser.
    pub browser_id: Uuid,
    /// Their epoch at the proof.
    pub epoch: i64,
    /// When they proved who they are.
    pub signed_in_at: Timestamp,
    /// Last page shown to them, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
}
