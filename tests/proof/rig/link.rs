//! A network between two parts: carries bytes from a port of its own to another port of this machine. It can be cut, silent,
//! silent one way, slow, cut at a COMMIT, and led to somewhere else. What it holds back arrives late, as on real networks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::support::program::free_port;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Carries bytes.
    Fair,
    /// Every byte takes so long, each way.
    Slow(Duration),
    /// Connections end, also new ones.
    Cut,
    /// Connections stay, and no byte is carried either way.
    Silent,
    /// Only what is asked arrives.
    NoAnswers,
    /// Only what is answered arrives.
    NoQuestions,
}

/// What happens at the next COMMIT, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    /// The connection is cut before COMMIT arrives: it never happened.
    CutBefore,
    /// COMMIT happens, and the connection is cut before its answer arrives.
    CutAfter,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

#[derive(Clone, Copy, Debug)]
struct State {
    weather: Weather,
    target: u16,
    /// Connections of an earlier age end: the other end is another.
    age: u64,
}

impl State {
    fn carries(&self, way: Way) -> bool {
        match self.weather {
            Weather::Fair | Weather::Slow(_) => true,
            Weather::Cut | Weather::Silent => false,
            Weather::NoAnswers => way == Way::There,
            Weather::NoQuestions => way == Way::Back,
        }
    }

    fn delay(&self) -> Duration {
        if let Weather::Slow(delay) = self.weather { delay } else { Duration::ZERO }
    }
}

/// What all connections of a link share.
struct Shared {
    state: watch::Sender<State>,
    trap: Mutex<Option<AtCommit>>,
    /// In answers: ports of this machine, and what takes their place, as many digits.
    names: Mutex<Vec<(u16, u16)>>,
}

/// The network. It ends with the runtime.
#[derive(Clone)]
pub struct Link {
    /// Where it listens.
    pub port: u16,
    shared: Arc<Shared>,
}

impl Link {
    /// A network to a port of this machine.
    pub async fn to(target: u16) -> Self {
        let state = watch::Sender::new(State { weather: Weather::Fair, target, age: 0 });
        let shared = Arc::new(Shared { state, trap: Mutex::default(), names: Mutex::default() });
        loop {
            let port = free_port();
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                tokio::spawn(listen(shared.clone(), listener));
                return Self { port, shared };
            }
        }
    }

    /// Changes what it does.
    pub fn set(&self, weather: Weather) {
        let is_cut = weather == Weather::Cut;
        self.shared.state.send_modify(|state| *state = State { weather, age: state.age + u64::from(is_cut), ..*state });
    }

    /// Leads to another port from now on; connections to the one of before end.
    pub fn lead_to(&self, target: u16) {
        self.shared.state.send_modify(|state| *state = State { target, age: state.age + 1, ..*state });
    }

    /// Sets a trap for the next COMMIT, or takes it away.
    pub fn at_commit(&self, trap: Option<AtCommit>) {
        *self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner) = trap;
    }

    /// Whether the trap is still set.
    pub fn is_set(&self) -> bool {
        self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whoever names one of these ports in an answer is made to name the other: so that who asks a Sentinel or a cluster where
    /// somebody is stays on links.
    pub fn rename(&self, names: Vec<(u16, u16)>) {
        *self.shared.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

impl Shared {
    /// Takes the trap, if these bytes spring it.
    fn sprung(&self, way: Way, bytes: &[u8]) -> Option<AtCommit> {
        let commits = way == Way::There && bytes.windows(6).any(|part| part == b"COMMIT");
        if commits { self.trap.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None }
    }

    fn renamed(&self, way: Way, bytes: &mut [u8]) {
        if way == Way::There {
            return;
        }
        for (from, to) in &*self.names.lock().unwrap_or_else(PoisonError::into_inner) {
            let (from, to) = (from.to_string(), to.to_string());
            for at in 1..bytes.len().saturating_sub(from.len()) {
                let is_whole = matches!(bytes[at - 1], b':' | b'\n') && matches!(bytes[at + from.len()], b'\r' | b'@');
                if is_whole && bytes[at..].starts_with(from.as_bytes()) {
                    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                }
            }
        }
    }
}

async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        // Out of handles for a moment, or somebody who hung up at once.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(carry(shared.clone(), client));
    }
}

/// Carries one connection until either end closes it, or it is cut.
async fn carry(shared: Arc<Shared>, mut client: TcpStream) {
    let mut state = shared.state.subscribe();
    let State { age, target, weather, .. } = *state.borrow_and_update();
    if weather == Weather::Cut {
        return;
    }
    // Also a handshake waits out a silence.
    let is_over = |state: &State| state.age != age;
    let connected = async {
        let _ = shared.state.subscribe().wait_for(|state| state.carries(Way::There) || state.age != age).await;
        TcpStream::connect(("127.0.0.1", target)).await
    };
    let Ok(mut server) = connected.await else { return };
    if is_over(&shared.state.borrow()) {
        return;
    }
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let after_commit = watch::Sender::new(false);
    tokio::select! {
        () = one_way((&shared, Way::There, &after_commit), from_client, to_server) => {}
        () = one_way((&shared, Way::Back, &after_commit), from_server, to_client) => {}
        _ = state.wait_for(is_over) => {}
    }
}

/// Reads at once, writes when it is time: what is under way while the network is slow does not hold up what follows.
async fn one_way(
    (shared, way, after_commit): (&Shared, Way, &watch::Sender<bool>),
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
) {
    let (mut state, mut buffer) = (shared.state.subscribe(), [0_u8; 16 * 1024]);
    let (mut under_way, mut has_ended) = (VecDeque::<(Instant, Vec<u8>)>::new(), false);
    while !(has_ended && under_way.is_empty()) {
        let now = *state.borrow_and_update();
        let (carries, delay) = (now.carries(way), now.delay());
        let due = under_way.front().map(|(due, _)| *due).filter(|_| carries);
        tokio::select! {
            read = from.read(&mut buffer), if under_way.len() < 64 && !has_ended => match read {
                Ok(n) if n > 0 => under_way.push_back((Instant::now() + delay, buffer[..n].to_vec())),
                Ok(_) | Err(_) => has_ended = true,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, mut bytes)) = under_way.pop_front() else { continue };
                if way == Way::Back && *after_commit.borrow() {
                    return;
                }
                match shared.sprung(way, &bytes) {
                    Some(AtCommit::CutBefore) => return,
                    Some(AtCommit::CutAfter) => { after_commit.send_replace(true); }
                    None => shared.renamed(way, &mut bytes),
                }
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            _ = state.changed() => {}
        }
    }
}
