//! The kinds of tokens and the two letters each is known by. The letters are part of every token given out: they may be
//! added to, never changed.

/// What a token is for. Each kind has its own keys: a token of one kind is no token of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `at`: an access token (RFC 6749 section 1.4).
    Access,
    /// `rt`: a refresh token (RFC 6749 section 1.5).
    Refresh,
    /// `ac`: an authorization code (RFC 6749 section 1.3.1).
    Code,
    /// `ru`: a pushed authorization request (RFC 9126).
    PushedRequest,
    /// `ak`: an API key.
    ApiKey,
    /// `bs`: a customer's browser session.
    BrowserSession,
    /// `ss`: a staff member's session.
    StaffSession,
    /// `dv`: a device.
    Device,
    /// `lt`: a sign-in in progress.
    Login,
    /// `el`: an e-mailed link.
    EmailedLink,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Access,
        Self::Refresh,
        Self::Code,
        Self::PushedRequest,
        Self::ApiKey,
        Self::BrowserSession,
        Self::StaffSession,
        Self::Device,
        Self::Login,
        Self::EmailedLink,
    ];

    /// The two letters that stand for the kind inside a token.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Access => "at",
            Self::Refresh => "rt",
            Self::Code => "ac",
            Self::PushedRequest => "ru",
            Self::ApiKey => "ak",
            Self::BrowserSession => "bs",
            Self::StaffSession => "ss",
            Self::Device => "dv",
            Self::Login => "lt",
            Self::EmailedLink => "el",
        }
    }

    /// The kind that these two letters stand for.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
