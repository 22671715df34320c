//! The table of limits: what is counted, for whom, how often. Nothing else in the server knows a number.

/// What is limited. Each rule counts on its own, so that a flood of one kind never uses up the allowance of another.
///
/// | rule | counted per | a minute | where | why there |
/// |---|---|---|---|---|
/// | `sign_in` | address | 60 | Redis | guesses at passwords |
/// | `staff_sign_in`, with sign-in pages of the console | address | 60 | Redis | guesses at passwords |
/// | `authorize`, with sign-in pages opened by themselves | address | 300 | Redis | each costs the one database |
/// | `token` | client | 6,000 | Redis | each costs the one database |
/// | `token` | address | 12,000 | Redis | each costs the one database |
/// | `failed_client_authentication` | address | 120 | Redis | guesses at secrets |
/// | `failed_client_authentication` | client | 600 | Redis | guesses at secrets |
/// | `garbage_tokens` | caller | 1,000 | process | a check waits for nothing; what it costs is this process's time |
/// | `garbage_alarm` | caller | 50 | process | the same; so a node tells earlier where there are several |
/// | `guessing_told` | caller | 1 | process | comes after a refusal: a flood of those must not flood Redis |
/// | `machine_read` | client | 600 | Redis | each gives away data and costs the one database |
/// | `revoke` | client | 6,000 | process | taking back waits for nothing but the database |
/// | `look_up` | member of staff | 120 | Redis | each gives away data |
/// | `ask` | member of staff | 120 | Redis | each names a customer |
///
/// Where there is no Redis, or it is lost, all are counted by processes. What a process counts by itself is its share: as many
/// nodes as there are together have one allowance, and each at least one a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Tries to sign in, from one address.
    SignInPerAddress,
    /// Tries to sign in to the console, and openings of its sign-in page, from one address.
    StaffSignInPerAddress,
    /// Authorization requests, from one address.
    AuthorizePerAddress,
    /// Token requests, by one client.
    TokenPerClient,
    /// Token requests, from one address.
    TokenPerAddress,
    /// Failed client authentications, from one address.
    FailedClientAuthPerAddress,
    /// Failed client authentications, in the name of one client.
    FailedClientAuthPerClient,
    /// Tokens that do not unseal, asked about by one caller: beyond it such tokens get 429, genuine ones never.
    GarbageTokensPerCaller,
    /// The same, until operators are told: the fiftieth in a minute is an alarm (INT-13).
    GarbageAlarmPerCaller,
    /// Audit rows that tell of one limit and one key.
    ToldPerKey,
    /// Reads of the machine API, by one client.
    MachineReadPerClient,
    /// Revocations, by one client.
    RevokePerClient,
    /// Searches and pages of customers and devices, by one member of staff.
    LookUpPerStaff,
    /// Questions before something is taken back or lifted, which name the customer, shown to one member of staff. The press
    /// itself is never limited.
    AskPerStaff,
}

impl Rule {
    /// The whole table.
    pub const ALL: [Self; 14] = [
        Self::SignInPerAddress,
        Self::StaffSignInPerAddress,
        Self::AuthorizePerAddress,
        Self::TokenPerClient,
        Self::TokenPerAddress,
        Self::FailedClientAuthPerAddress,
        Self::FailedClientAuthPerClient,
        Self::GarbageTokensPerCaller,
        Self::GarbageAlarmPerCaller,
        Self::ToldPerKey,
        Self::MachineReadPerClient,
        Self::RevokePerClient,
        Self::LookUpPerStaff,
        Self::AskPerStaff,
    ];

    /// The rule's name in audit rows and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignInPerAddress => "sign_in_per_address",
            Self::StaffSignInPerAddress => "staff_sign_in_per_address",
            Self::AuthorizePerAddress => "authorize_per_address",
            Self::TokenPerClient => "token_per_client",
            Self::TokenPerAddress => "token_per_address",
            Self::FailedClientAuthPerAddress => "failed_client_authentication_per_address",
            Self::FailedClientAuthPerClient => "failed_client_authentication_per_client",
            Self::GarbageTokensPerCaller => "garbage_tokens_per_caller",
            Self::GarbageAlarmPerCaller => "garbage_alarm_per_caller",
            Self::ToldPerKey => "told_per_key",
            Self::MachineReadPerClient => "machine_read_per_client",
            Self::RevokePerClient => "revoke_per_client",
            Self::LookUpPerStaff => "look_up_per_staff",
            Self::AskPerStaff => "ask_per_staff",
        }
    }

    /// Whether all nodes count it together, where they have a Redis. The table says why.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        match self {
            Self::SignInPerAddress
            | Self::StaffSignInPerAddress
            | Self::AuthorizePerAddress
            | Self::TokenPerClient
            | Self::TokenPerAddress
            | Self::FailedClientAuthPerAddress
            | Self::FailedClientAuthPerClient
            | Self::MachineReadPerClient
            | Self::LookUpPerStaff
            | Self::AskPerStaff => true,
            Self::GarbageTokensPerCaller | Self::GarbageAlarmPerCaller | Self::ToldPerKey | Self::RevokePerClient => {
                false
            }
        }
    }

    /// How many a minute, over time.
    #[must_use]
    pub fn per_minute(self) -> u32 {
        match self {
            Self::SignInPerAddress | Self::StaffSignInPerAddress => 60,
            Self::AuthorizePerAddress => 300,
            Self::TokenPerClient | Self::RevokePerClient => 6_000,
            Self::TokenPerAddress => 12_000,
            Self::FailedClientAuthPerAddress | Self::LookUpPerStaff | Self::AskPerStaff => 120,
            Self::FailedClientAuthPerClient | Self::MachineReadPerClient => 600,
            Self::GarbageTokensPerCaller => 1_000,
            Self::GarbageAlarmPerCaller => 49,
            Self::ToldPerKey => 1,
        }
    }

    /// How many at once, after a quiet minute: a whole minute's worth.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.per_minute()
    }
}
