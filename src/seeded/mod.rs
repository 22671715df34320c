//! BUGS ON PURPOSE: mistakes that a build with the feature `seeded-bugs` can be told to make, so that the proof is shown to
//! find them. One at a time, chosen when the process starts by `RESCIND_SEEDED_BUG`; never in a release. Without the feature
//! [`has`] is `false` when the program is compiled, and nothing of this is left in it.
//!
//! `RESCIND_SEEDED_PAUSE=<n>` is no bug but a place to stop: one of so many checks stops its process (SIGSTOP) between verdict
//! and answer, and whoever runs the proof lets it go on (SIGCONT).

#[cfg(not(feature = "seeded-bugs"))]
mod absent;
#[cfg(feature = "seeded-bugs")]
mod chosen;
#[cfg(feature = "seeded-bugs")]
pub mod scenario;

#[cfg(not(feature = "seeded-bugs"))]
pub use absent::{
    IS_BUILT_IN, accepts, begin, has, is_every_other, is_told, linger, name_chosen, note_good, pause, was_good,
};
#[cfg(feature = "seeded-bugs")]
pub use chosen::{
    IS_BUILT_IN, accepts, begin, choose, has, is_every_other, is_told, linger, name_chosen, note_good, pause, was_good,
};

/// A mistake. The number behind each is its fault in the list the proof is made of (F1 to F47).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// F28. The last look at lease and view, just before the answer leaves, is left out: a process that was frozen after the
    /// verdict wakes and says what was true before.
    LeaseNotRechecked,
    /// F28, F46. A lease that was given once never ends: a node that is cut off from the database goes on answering from what
    /// it knew.
    LeaseNeverEnds,
    /// F46. A renewal that finds its row gone puts it back, and vouches for a tail that was read before: those who confirmed
    /// in between did not wait for this node. (Every other renewal begins late, takes long, and is long on its
    /// way back, as on a bad link.)
    RenewalAsUpsert,
    /// F18. Feed numbers are the transactions' ids, given when they begin to write, and the tail is read by `number > last`:
    /// a lower number that commits later is never seen. (Every other transaction takes 60 ms more.) PostgreSQL only.
    FeedById,
    /// F18. The counter is taken first, in a transaction of its own: a node hears of the number before there is anything
    /// under it. PostgreSQL only.
    CounterTakenFirst,
    /// F1. A sign-in reads the epochs anew at its end: a lockdown during the proof of identity does not cover what is born
    /// from it, once it is lifted.
    EpochsReread,
    /// F1. A code is redeemed under the epochs of now: one that was given out before a revocation becomes a living session.
    CodesOutliveLockdown,
    /// F3. A copy from Redis counts as read now, however old it is, so that the view does not overrule it.
    RefillWithoutVeto,
    /// F3. A copy is marked with what was applied after its read, not before: a revocation in between is in neither.
    AsOfAfterRead,
    /// F11. Values in Redis are written and read without a seal, and so without being bound to their session or history.
    RedisUnsealed,
    /// F16. An answer from a copy is good for two seconds: the view is not asked meanwhile.
    NearCacheStale,
    /// F30. A node starts at the end of the feed and takes itself to know everything before.
    SnapshotSkipped,
    /// F46. A node reads the feed and registers afterwards: who confirms in between does not wait for it. (It listens later,
    /// too.)
    RegistrationAfterFirstRead,
    /// F16. A node says that it has applied what it has only heard of.
    AcknowledgedBeforeApplied,
    /// F46. A confirmation waits for the shortest lease, not the longest.
    ShortestLease,
    /// F16. A confirmation does not wait for other nodes.
    ConfirmWithoutWaiting,
    /// F21. "Confirmed" is said while the COMMIT is still on its way.
    ConfirmBeforeCommit,
    /// F20, F27. The commit of a revocation waits for neither disk nor standby. PostgreSQL only.
    CommitNotAwaited,
    /// F23. A COMMIT whose answer is lost counts as done.
    LostCommitIsDone,
    /// Embedded: a command in a shell says "confirmed" without waiting for the server's next look at the file.
    CommandDoesNotWait,
    /// F33, F34. A refresh token that comes twice within its grace gets a new pair each time.
    GraceMintsABranch,
    /// F35. The grace never ends: the refresh token one back is good until its successor is used.
    GraceWithoutWindow,
    /// F37. A view overlooks an epoch that was raised by one.
    EpochOffByOne,
    /// F38. A view kills what was born under the epoch that a lockdown raised: nobody gets in after the unlock.
    NewbornKilled,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::LeaseNotRechecked,
        Self::LeaseNeverEnds,
        Self::RenewalAsUpsert,
        Self::FeedById,
        Self::CounterTakenFirst,
        Self::EpochsReread,
        Self::CodesOutliveLockdown,
        Self::RefillWithoutVeto,
        Self::AsOfAfterRead,
        Self::RedisUnsealed,
        Self::NearCacheStale,
        Self::SnapshotSkipped,
        Self::RegistrationAfterFirstRead,
        Self::AcknowledgedBeforeApplied,
        Self::ShortestLease,
        Self::ConfirmWithoutWaiting,
        Self::ConfirmBeforeCommit,
        Self::CommitNotAwaited,
        Self::LostCommitIsDone,
        Self::CommandDoesNotWait,
        Self::GraceMintsABranch,
        Self::GraceWithoutWindow,
        Self::EpochOffByOne,
        Self::NewbornKilled,
    ];

    /// As `RESCIND_SEEDED_BUG` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeaseNotRechecked => "lease-not-rechecked",
            Self::LeaseNeverEnds => "lease-never-ends",
            Self::RenewalAsUpsert => "renewal-as-upsert",
            Self::FeedById => "feed-by-id",
            Self::CounterTakenFirst => "counter-taken-first",
            Self::EpochsReread => "epochs-reread",
            Self::CodesOutliveLockdown => "codes-outlive-lockdown",
            Self::RefillWithoutVeto => "refill-without-veto",
            Self::AsOfAfterRead => "as-of-after-read",
            Self::RedisUnsealed => "redis-unsealed",
            Self::NearCacheStale => "near-cache-stale",
            Self::SnapshotSkipped => "snapshot-skipped",
            Self::RegistrationAfterFirstRead => "registration-after-first-read",
            Self::AcknowledgedBeforeApplied => "acknowledged-before-applied",
            Self::ShortestLease => "shortest-lease",
            Self::ConfirmWithoutWaiting => "confirm-without-waiting",
            Self::ConfirmBeforeCommit => "confirm-before-commit",
            Self::CommitNotAwaited => "commit-not-awaited",
            Self::LostCommitIsDone => "lost-commit-is-done",
            Self::CommandDoesNotWait => "command-does-not-wait",
            Self::GraceMintsABranch => "grace-mints-a-branch",
            Self::GraceWithoutWindow => "grace-without-window",
            Self::EpochOffByOne => "epoch-off-by-one",
            Self::NewbornKilled => "newborn-killed",
        }
    }

    /// The bug of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_is_found_under_its_own_name() {
        for (at, bug) in Bug::ALL.into_iter().enumerate() {
            assert_eq!(bug as usize, at, "{bug:?} is missing or in another place");
            assert_eq!(Bug::from_name(bug.name()), Some(bug));
        }
        assert_eq!(Bug::from_name("none"), None);
    }

    #[cfg(not(feature = "seeded-bugs"))]
    #[test]
    fn without_the_feature_no_bug_is_there_when_the_program_is_compiled() {
        const NONE: bool = !has(Bug::LeaseNeverEnds) && !IS_BUILT_IN;
        const { assert!(NONE) };
        assert!(Bug::ALL.into_iter().all(|bug| !has(bug)));
    }
}
