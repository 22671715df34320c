//! A network between the server and PostgreSQL that tests can cut, freeze, and cut at the very COMMIT.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::TestServer;
use crate::support::database::TestDatabase;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carries bytes.
    Pass,
    /// Connections are cut, and new ones too once they are there.
    Cut,
    /// Nothing listens any more.
    Refuse,
    /// Connections stay and new ones are taken, but no byte is carried.
    Freeze,
    /// Connections of before stay frozen for ever; new ones work: the other end has moved.
    Moved,
}

/// What happens at the next COMMIT, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    /// The connection is cut before COMMIT arrives: it never happened.
    CutBefore,
    /// COMMIT happens, and the connection is cut before its answer arrives.
    CutAfter,
    /// COMMIT happens and is answered; then everything is cut.
    CutOff,
    /// COMMIT never arrives and the connection stays: the transaction stays open at the other end.
    Hang,
}

#[derive(Debug)]
struct State {
    mode: watch::Sender<Mode>,
    trap: Mutex<Option<AtCommit>>,
    target: String,
}

/// The network. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Proxy {
    state: Arc<State>,
}

impl Proxy {
    /// A server of the usual bank on a fresh PostgreSQL database behind a new proxy.
    pub async fn server(changed: &[(&'static str, &str)]) -> (Self, TestServer) {
        let mut database = TestDatabase::postgres().await;
        let (front, name) = database.url.rsplit_once('/').expect("a database URL");
        let (user, target) = front.rsplit_once('@').expect("a user");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = State { mode: watch::Sender::new(Mode::Pass), trap: Mutex::new(None), target: target.to_owned() };
        let proxy = Self { state: Arc::new(state) };
        tokio::spawn(listen(proxy.state.clone(), Some(listener), port));
        database.url = format!("{user}@127.0.0.1:{port}/{name}");
        (proxy, TestServer::start_on(database, changed, true).await)
    }

    /// Changes what the network does.
    pub fn set(&self, mode: Mode) {
        self.state.mode.send_replace(mode);
    }

    /// Sets a trap for the next COMMIT.
    pub fn at_commit(&self, trap: AtCommit) {
        *self.state.trap.lock().expect("lock") = Some(trap);
    }

    /// Whether the trap went off.
    pub fn is_sprung(&self) -> bool {
        self.state.trap.lock().expect("lock").is_none()
    }
}

async fn listen(state: Arc<State>, mut listener: Option<TcpListener>, port: u16) {
    let mut mode = state.mode.subscribe();
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(("127.0.0.1", port)).await.ok();
        }
        let Some(open) = &listener else {
            let _ = mode.changed().await;
            continue;
        };
        tokio::select! {
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                tokio::spawn(carry(state.clone(), client, now));
            },
            _ = mode.changed() => {}
        }
    }
}

/// Carries one connection, begun under `since`.
async fn carry(state: Arc<State>, mut client: TcpStream, since: Mode) {
    let mut mode = state.mode.subscribe();
    let _ = mode.wait_for(|mode| *mode != Mode::Freeze).await;
    let Ok(mut server) = TcpStream::connect(&state.target).await else { return };
    let (mut up, mut down) = ([0_u8; 16 * 1024], [0_u8; 16 * 1024]);
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Pass => {}
            Mode::Moved if since == Mode::Moved => {}
            Mode::Cut | Mode::Refuse => return,
            Mode::Freeze | Mode::Moved => {
                let _ = mode.changed().await;
                continue;
            }
        }
        let carried = tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(n) if n > 0 => asked(&state, &mut client, &mut server, &up[..n]).await,
                Ok(_) | Err(_) => false,
            },
            read = server.read(&mut down) => match read {
                Ok(n) if n > 0 => client.write_all(&down[..n]).await.is_ok(),
                Ok(_) | Err(_) => false,
            },
            _ = mode.changed() => true,
        };
        if !carried {
            return;
        }
    }
}

/// Carries what the client asks, unless it is the COMMIT of a trap. False: the connection ends.
async fn asked(state: &State, client: &mut TcpStream, server: &mut TcpStream, bytes: &[u8]) -> bool {
    let commits = bytes.windows(6).any(|part| part == b"COMMIT");
    let trap = if commits { state.trap.lock().expect("lock").take() } else { None };
    if trap == Some(AtCommit::CutBefore) {
        return false;
    }
    if trap == Some(AtCommit::Hang) {
        std::future::pending::<()>().await;
    }
    if server.write_all(bytes).await.is_err() {
        return false;
    }
    let Some(trap) = trap else { return true };
    let mut answer = [0_u8; 1024];
    let n = server.read(&mut answer).await.unwrap_or(0);
    if trap == AtCommit::CutOff {
        let _ = client.write_all(&answer[..n]).await;
        state.mode.send_replace(Mode::Cut);
    }
    false
}
