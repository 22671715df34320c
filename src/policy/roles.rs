//! Which role may do what (architecture, "Who may what"). One table, read by every page and every route of the console.

use crate::model::staff::Role;

/// What a member of staff may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// See how many signed in and what was locked, without names.
    SeeFigures,
    /// Find and open a customer.
    SearchCustomer,
    /// Record that a caller is who they say.
    VerifyCaller,
    /// Lock a customer (emergency lockdown).
    Lock,
    /// End a session or take out a device.
    Revoke,
    /// Lift a lockdown.
    Unlock,
    /// Give the second signature.
    Approve,
    /// See which colleagues looked at a customer.
    SeeWhoLooked,
    /// Record that a person showed a document.
    CheckId,
    /// Enter, change and disable staff.
    ManageStaff,
    /// Register, change and disable clients.
    ManageClients,
    /// Make and retire keys.
    ManageKeys,
    /// Read the audit trail.
    ReadAudit,
    /// Read incidents.
    ReadIncidents,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SeeFigures,
        Self::SearchCustomer,
        Self::VerifyCaller,
        Self::Lock,
        Self::Revoke,
        Self::Unlock,
        Self::Approve,
        Self::SeeWhoLooked,
        Self::CheckId,
        Self::ManageStaff,
        Self::ManageClients,
        Self::ManageKeys,
        Self::ReadAudit,
        Self::ReadIncidents,
    ];
}

/// Whether the role may do it.
#[must_use]
pub fn may(role: Role, deed: Deed) -> bool {
    deeds(role).contains(&deed)
}

/// The table.
#[rustfmt::skip]
fn deeds(role: Role) -> &'static [Deed] {
    use Deed::{Approve, CheckId, Lock, ManageClients, ManageKeys, ManageStaff, ReadAudit, ReadIncidents, Revoke, SearchCustomer, SeeFigures, SeeWhoLooked, Unlock, VerifyCaller};
    match role {
        Role::Agent      => &[SeeFigures, SearchCustomer, VerifyCaller, Lock, Revoke, ReadIncidents],
        Role::Supervisor => &[SeeFigures, SearchCustomer, VerifyCaller, Lock, Revoke, ReadIncidents, Unlock, Approve, SeeWhoLooked],
        Role::Branch     => &[SeeFigures, SearchCustomer, VerifyCaller, Lock, Revoke, ReadIncidents, Unlock, CheckId],
        Role::Admin      => &[SeeFigures, ManageStaff, ManageClients, ManageKeys],
        Role::Auditor    => &[SeeFigures, ReadAudit, ReadIncidents],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_times_every_deed() {
        // Columns: agent, supervisor, branch, admin, auditor.
        let table = [
            (Deed::SeeFigures, "sssss"),
            (Deed::SearchCustomer, "sss--"),
            (Deed::VerifyCaller, "sss--"),
            (Deed::Lock, "sss--"),
            (Deed::Revoke, "sss--"),
            (Deed::Unlock, "-ss--"),
            (Deed::Approve, "-s---"),
            (Deed::SeeWhoLooked, "-s---"),
            (Deed::CheckId, "--s--"),
            (Deed::ManageStaff, "---s-"),
            (Deed::ManageClients, "---s-"),
            (Deed::ManageKeys, "---s-"),
            (Deed::ReadAudit, "----s"),
            (Deed::ReadIncidents, "sss-s"),
        ];
        assert_eq!(table.map(|(deed, _)| deed), Deed::ALL);
        for (deed, row) in table {
            for (role, cell) in Role::ALL.into_iter().zip(row.chars()) {
                assert_eq!(may(role, deed), cell == 's', "{role:?} {deed:?}");
            }
        }
    }

    #[test]
    fn lck_06_whoever_may_only_lock_may_not_unlock() {
        assert!(may(Role::Agent, Deed::Lock) && !may(Role::Agent, Deed::Unlock));
    }
}
