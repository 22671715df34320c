//! What may be wrong on purpose. A walk that misses one of these would prove nothing.

/// One thing done otherwise than `src/view` and `src/store` do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing: as it is built.
    AsBuilt,
    /// A renewal puts its row back if it was taken away.
    RenewalAsUpsert,
    /// The row says `applied` before the view has it.
    AckBeforeApply,
    /// Who confirms on the node itself counts it when it has read the tail, not when its view has it.
    HeardBeforeApply,
    /// The lease counts from the UPDATE, not from before the tail was read.
    LeaseFromUpdate,
    /// A process begins under the id of one that was reaped and is frozen, not dead: a late UPDATE finds the new row.
    SameId,
    /// After a failover numbers, rows and leases are taken for what they were before.
    NumberReused,
    /// A node that lagged behind what was trimmed does not raise `low`.
    TrimmedGap,
    /// Who confirms waits for the shortest lease.
    ShortestLease,
    /// A row is taken away before its lease has surely run out.
    EarlyReaping,
    /// A copy is marked with what is applied when it arrives.
    AsOfAfterRead,
    /// The first read of the feed comes before the registration is committed.
    ReadBeforeRegistration,
    /// After a failover waits are as short as ever, although rows may have been lost with the old primary.
    ShortWaitAfterFailover,
    /// A view forgets entries and does not raise `low`.
    ForgetsQuietly,
    /// Where a deposed primary still answers: a node's first tail may be from it.
    FirstTailOfAnotherHistory,
    /// Where a deposed primary still answers: a copy may be read from it.
    CopyOfAnotherHistory,
}
