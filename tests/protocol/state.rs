//! One state of the modelled world, small enough to be kept by the million: every part has its few bits of one number.

/// Truth, feed and counter as one server holds them. All numbers are feed numbers; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// The last number taken.
    pub counter: u8,
    /// The number the watched lockdown took; 0: the watched session is alive in this server's truth.
    pub watched: u8,
    /// Entries up to here are gone from the feed.
    pub trimmed: u8,
}

/// The lockdown of the watched session, as whoever asked for it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// Not asked for, or lost by a failover before anybody was told anything.
    NotYet,
    /// Visible; the acknowledgement of its commit has not come.
    Committed,
    /// Acknowledged so many ticks ago, in the history of the database that is written now.
    Waiting(u8),
    /// Said.
    Confirmed,
    /// A failover came before the proof, and the lockdown is still there: `unconfirmed` was said.
    Unproven,
}

/// Whether a node did something in this life, and in which history of the database: the one that is written now, or one
/// from before a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It did not.
    Not,
    /// In this one.
    Now,
    /// In an earlier one.
    Before,
}

impl Done {
    /// What it is after a failover.
    pub fn after_failover(self) -> Self {
        if self == Self::Not { Self::Not } else { Self::Before }
    }
}

/// A renewal under way, with the ticks since just before its tail was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// None.
    Idle,
    /// The tail was read and not applied yet.
    Read {
        /// Its counter.
        upto: u8,
        /// Up to where the feed was trimmed.
        trimmed: u8,
        /// The watched lockdown, if it was among the entries.
        seen: u8,
        /// Ticks.
        age: u8,
        /// In which history it was read.
        history: Done,
    },
    /// Applied; the UPDATE was sent.
    Sent(u8),
    /// The UPDATE ran, and found the row or not; the node has not heard of it.
    Ran(bool, u8),
}

/// What the watched node holds of the watched session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    None,
    /// Read from the truth as alive, not arrived yet; its `as_of`.
    Coming(u8),
    /// A copy; its `as_of`.
    Copy(u8),
}

/// The watched node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its registration.
    pub registered: Done,
    /// The first tail its view has applied.
    pub loaded: Done,
    /// Up to where its view has applied the feed.
    pub applied: u8,
    /// Its view forgot what was told up to here.
    pub low: u8,
    /// The number by which its view knows the watched lockdown; 0: it does not.
    pub view: u8,
    /// Ticks since just before the tail was read that the lease rests on.
    pub lease: Option<u8>,
    /// The renewal under way.
    pub renewal: Renewal,
    /// Its copy.
    pub held: Held,
}

impl Node {
    /// One that knows nothing: a process that has just begun, or one that has dropped everything.
    pub const NEW: Self = Self {
        registered: Done::Not,
        loaded: Done::Not,
        applied: 0,
        low: 0,
        view: 0,
        lease: None,
        renewal: Renewal::Idle,
        held: Held::None,
    };

    /// Whether a check is answered `active`: lease first, then view. That nothing comes between is shown on the real code.
    pub fn says_active(&self) -> bool {
        self.lease.is_some() && self.vouches_for_its_copy()
    }

    /// What `View::judge` says of the copy: not too old, and not overruled.
    fn vouches_for_its_copy(&self) -> bool {
        match self.held {
            Held::Copy(as_of) => self.loaded != Done::Not && as_of >= self.low && self.view <= as_of,
            Held::None | Held::Coming(_) => false,
        }
    }
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The server that is written.
    pub primary: Server,
    /// What its synchronous standby has.
    pub standby: Server,
    /// What the primary before the last failover still shows to who asks it.
    pub deposed: Option<Server>,
    /// Ticks since the last failover, up to the longest lease.
    pub since_change: u8,
    /// The watched lockdown.
    pub lockdown: Lockdown,
    /// The row of the watched node's present registration: up to where it says that the node has applied the feed. That of
    /// an earlier registration is left out: no lease rests on it, and it only delays who waits.
    pub row: Option<u8>,
    /// Ticks since another node has first seen the row's present value.
    pub reaper: Option<u8>,
    /// The watched node.
    pub node: Node,
}

impl State {
    /// Nothing has happened, and no lease of an earlier history is left.
    pub fn first(longest: u8) -> Self {
        Self {
            primary: Server::default(),
            standby: Server::default(),
            deposed: None,
            since_change: longest,
            lockdown: Lockdown::NotYet,
            row: None,
            reaper: None,
            node: Node::NEW,
        }
    }

    /// What must never be: the lockdown was confirmed, and the node would still answer `active` from its copy.
    pub fn is_wrong(&self) -> bool {
        self.lockdown == Lockdown::Confirmed && self.node.says_active()
    }

    /// The state as one number: equal numbers are equal states.
    pub fn packed(&self) -> u64 {
        let mut bits = Bits { number: 0, used: 0 };
        for server in [self.primary, self.standby, self.deposed.unwrap_or_default()] {
            bits.small(&[server.counter, server.watched, server.trimmed]);
        }
        bits.flag(self.deposed.is_some());
        let (is_asked_again, step) = match self.lockdown {
            Lockdown::NotYet => (false, [0, 0]),
            Lockdown::Committed => (false, [1, 0]),
            Lockdown::Waiting(age) => (false, [2, age]),
            Lockdown::Confirmed => (false, [3, 0]),
            Lockdown::Unproven => (true, [0, 0]),
        };
        bits.flag(is_asked_again);
        bits.small(&step);
        bits.small(&[self.since_change, self.row.map_or(0, |applied| applied + 1)]);
        bits.small(&[self.reaper.map_or(0, |age| age + 1)]);
        bits.node(&self.node);
        bits.number
    }
}

/// A number under construction.
struct Bits {
    number: u64,
    used: u32,
}

impl Bits {
    /// Puts values up to 3 in. A greater one, or one too many, would make two states one.
    fn small(&mut self, values: &[u8]) {
        for value in values {
            assert!(*value < 4 && self.used + 2 <= u64::BITS, "the packing is too narrow");
            self.number = self.number << 2 | u64::from(*value);
            self.used += 2;
        }
    }

    fn flag(&mut self, value: bool) {
        assert!(self.used < u64::BITS, "the packing is too narrow");
        self.number = self.number << 1 | u64::from(value);
        self.used += 1;
    }

    fn node(&mut self, node: &Node) {
        let Node { registered, loaded, applied, low, view, lease, renewal, held } = *node;
        self.small(&[number_of(registered), number_of(loaded)]);
        self.small(&[applied, low, view, lease.map_or(0, |age| age + 1)]);
        let (history, parts) = match renewal {
            Renewal::Idle => (Done::Not, [0; 5]),
            Renewal::Read { upto, trimmed, seen, age, history } => (history, [1, upto, trimmed, seen, age]),
            Renewal::Sent(age) => (Done::Not, [2, 0, 0, 0, age]),
            Renewal::Ran(found, age) => (Done::Not, [3, u8::from(found), 0, 0, age]),
        };
        self.flag(history == Done::Before);
        self.small(&parts);
        self.small(&match held {
            Held::None => [0, 0],
            Held::Coming(as_of) => [1, as_of],
            Held::Copy(as_of) => [2, as_of],
        });
    }
}

fn number_of(done: Done) -> u8 {
    match done {
        Done::Not => 0,
        Done::Now => 1,
        Done::Before => 2,
    }
}
