//! What shows each bug: the fault to drive, what clients must do meanwhile, and what is then seen. Told to the proof's rig, so
//! that every bug is met within its time; whoever adds a bug adds its scenario.

use super::Bug;

/// What must happen to the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the load alone shows it.
    None,
    /// The node stops itself at the pause point, for longer than its lease, and is woken. Nobody else asks it meanwhile: an
    /// answer that was past its last look when the process stopped may leave afterwards, and proves nothing.
    PausePoint,
    /// The node's link to the database is cut or frozen for two leases, while clients still reach the node. Not its process:
    /// a frozen process answers nothing.
    NodeCutOff,
    /// The node's link to the database takes 20 to 50 ms each way.
    SlowNode,
    /// Nodes are killed and started again, one after the other.
    NodeRestarted,
    /// The value of a living session's copy is written under the key of a dead one, then a node is started again.
    CopiesSwapped,
    /// The standby hears nothing for two seconds; then the primary is killed (SIGKILL), and the standby promoted.
    PrimaryKilled,
    /// A node's connection is cut before its COMMIT arrives.
    CutBeforeCommit,
    /// No fleet: one server on an SQLite file, and `rescind lockdown` run beside it.
    Embedded,
}

/// What is seen, in the words of the proof's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An active answer to a check that began after a confirmed kill.
    ActiveAfterKill,
    /// The check that was in hand while its process stood still is answered active, although a kill of its token was
    /// confirmed before the process was woken. No rule about when checks begin can see this.
    LateAnswer,
    /// A token that nobody took back is inactive.
    FalseInactive,
    /// The same refresh token gives two pairs within the grace.
    TwoPairs,
    /// A refresh token one back is good after the grace.
    RefreshAfterGrace,
}

/// How to meet a bug.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The fault.
    pub fault: Fault,
    /// Whether bug and settings are set on one node alone, the one the fault meets: the others must be healthy for it to show,
    /// with a lease of 1 s.
    pub on_one_node: bool,
    /// Further settings of that node, or of all.
    pub settings: &'static [(&'static str, &'static str)],
    /// What clients must do.
    pub load: &'static str,
    /// What is seen.
    pub seen: Seen,
}

const PLAIN: Scenario =
    Scenario { fault: Fault::None, on_one_node: false, settings: &[], load: "", seen: Seen::ActiveAfterKill };
const SHORT_LEASE: &[(&str, &str)] = &[("RESCIND_LEASE", "2")];

impl Bug {
    /// How to meet it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table: one entry for each bug")]
    pub const fn scenario(self) -> Scenario {
        match self {
            Self::LeaseNotRechecked => Scenario {
                fault: Fault::PausePoint,
                on_one_node: true,
                settings: &[("RESCIND_LEASE", "2"), ("RESCIND_SEEDED_PAUSE", "20")],
                load: "one client alone checks one token at that node; when the process stands still the token is killed at \
                       another node; it is woken when that is confirmed",
                seen: Seen::LateAnswer,
            },
            Self::LeaseNeverEnds => Scenario {
                fault: Fault::NodeCutOff,
                settings: SHORT_LEASE,
                load: "tokens that the node has copies of are killed at another, and checked at it after the confirmation",
                ..PLAIN
            },
            Self::ShortestLease => Scenario {
                fault: Fault::NodeCutOff,
                settings: &[("RESCIND_LEASE", "8")],
                load: "the settings are the cut-off node's; the others have a lease of 1 s; the rest as with lease-never-ends",
                ..PLAIN
            },
            Self::ConfirmWithoutWaiting => Scenario {
                fault: Fault::NodeCutOff,
                load: "tokens that the node has copies of are killed at another, and checked at it at once; a slow link is enough",
                ..PLAIN
            },
            Self::RenewalAsUpsert => Scenario {
                // Its slow renewals come of themselves. Of a short lease too little is left when they are through.
                on_one_node: true,
                settings: &[("RESCIND_LEASE", "6")],
                load: "kills at the other nodes all the time, and just-killed tokens checked at this one as fast as can be",
                ..PLAIN
            },
            Self::FeedById | Self::CounterTakenFirst | Self::AcknowledgedBeforeApplied | Self::ConfirmBeforeCommit => {
                Scenario {
                    load: "kills at all nodes at once, checked at all nodes right after the confirmation",
                    ..PLAIN
                }
            }
            Self::EpochsReread => Scenario {
                load: "real sign-ins of a customer who is locked and unlocked meanwhile; a sign-in that was sent before the \
                       lockdown was confirmed and answered before the unlock was sent must give nothing that lives",
                ..PLAIN
            },
            Self::CodesOutliveLockdown => Scenario {
                load: "codes that are redeemed after a lockdown and its unlock, or after their device was revoked",
                ..PLAIN
            },
            Self::RefillWithoutVeto | Self::SnapshotSkipped => Scenario {
                fault: Fault::NodeRestarted,
                load: "with Redis: sessions that were checked, and then ended (revoked refresh tokens, ended sessions), are \
                       checked at a node that was started since",
                ..PLAIN
            },
            Self::RegistrationAfterFirstRead => Scenario {
                fault: Fault::NodeRestarted,
                settings: &[("RESCIND_LEASE", "12")],
                load: "with Redis: kills all the time, and just-killed tokens that were checked before are checked at a node \
                       that is starting, from its first answer on",
                ..PLAIN
            },
            Self::AsOfAfterRead => Scenario {
                load: "a token's first check at a node, while its refresh token is revoked at another; checked again afterwards",
                ..PLAIN
            },
            Self::RedisUnsealed => Scenario {
                fault: Fault::CopiesSwapped,
                load: "dead tokens are checked at a node that was started since",
                ..PLAIN
            },
            Self::NearCacheStale | Self::EpochOffByOne => Scenario {
                load: "tokens that were checked a moment ago are killed, also by revoking their device, and checked again",
                ..PLAIN
            },
            Self::CommitNotAwaited => Scenario {
                fault: Fault::PrimaryKilled,
                load: "kills all the time; those confirmed in the last seconds are checked afterwards, or looked for in the \
                       database",
                ..PLAIN
            },
            Self::LostCommitIsDone => Scenario {
                fault: Fault::CutBeforeCommit,
                settings: SHORT_LEASE,
                load: "lockdowns at that node; their customers' tokens are checked after the confirmation",
                ..PLAIN
            },
            Self::CommandDoesNotWait => Scenario {
                fault: Fault::Embedded,
                load: "many clients check one token without a pause; the command is run, and its end is the confirmation",
                ..PLAIN
            },
            Self::GraceMintsABranch => {
                Scenario { load: "the same refresh token twice within the grace", seen: Seen::TwoPairs, ..PLAIN }
            }
            Self::GraceWithoutWindow => Scenario {
                settings: &[("RESCIND_REFRESH_GRACE_SECONDS", "1")],
                load: "a public client's refresh token again, one back, a second after its grace",
                seen: Seen::RefreshAfterGrace,
                ..PLAIN
            },
            Self::NewbornKilled => Scenario {
                load: "a sign-in after an unlock, checked at all nodes, until the lockdown is older than their views",
                seen: Seen::FalseInactive,
                ..PLAIN
            },
        }
    }
}
