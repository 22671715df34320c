//! Faults of Redis: it loses, it keeps what is old, it lies, it is full.

use std::time::Duration;

use super::Breaking;
use crate::support::redis::Redis;

impl Breaking<'_> {
    /// A window for one primary of Redis, with everything healed at its end.
    fn during_redis(&mut self, kind: &str, act: impl FnOnce(&mut Self, usize)) {
        let primaries = self.rig.copies.primaries();
        let Some(server) = primaries.get(self.dice.below(primaries.len())).copied() else { return };
        self.during(kind, format!("redis {server}"), |breaking| {
            act(breaking, server);
            breaking.rig.copies.until_healed();
        });
    }

    fn redis(&mut self, server: usize) -> &mut Redis {
        &mut self.rig.copies.servers[server]
    }

    /// All but one, which then know less than it does.
    fn others(&self, server: usize) -> impl Iterator<Item = &Redis> {
        self.rig.copies.servers.iter().enumerate().filter(move |(at, _)| *at != server).map(|(_, redis)| redis)
    }
}

/// Killed. Another takes over, or it is back sooner, with nothing in it.
pub fn killed(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis killed", |breaking, server| {
        breaking.redis(server).kill();
        breaking.last(100);
        breaking.redis(server).restart();
    });
}

/// Frozen. When it wakes it may believe that it still is the primary.
pub fn frozen(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis frozen", |breaking, server| {
        breaking.redis(server).freeze();
        breaking.last(100);
        breaking.redis(server).thaw();
    });
}

/// Everything is gone.
pub fn flushed(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis flushed", |breaking, server| {
        for _ in 0..breaking.dice.between(1, 5) {
            let _ = breaking.redis(server).try_ask::<()>(&[b"FLUSHALL"]);
            breaking.last(20);
        }
    });
}

/// Killed while nobody had heard for a while what was written to it: then another takes over.
pub fn lost_writes(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis killed with writes lost", |breaking, server| {
        breaking.others(server).for_each(Redis::freeze);
        // Sentinels hold a frozen one for dead after 0.7 s; it needs not be longer.
        std::thread::sleep(Duration::from_millis(breaking.dice.between(100, 1_500)));
        breaking.redis(server).kill();
        breaking.others(server).for_each(Redis::thaw);
        breaking.last(1_500);
        breaking.redis(server).restart();
    });
}

/// Started again with what it held a while ago.
pub fn old_dump(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis killed and started with an old dump", |breaking, server| {
        let _ = breaking.redis(server).try_ask::<()>(&[b"SAVE"]);
        breaking.last(500);
        breaking.redis(server).restart();
        let dump = breaking.redis(server).file("dump.rdb");
        breaking.last(500);
        let _ = std::fs::remove_file(dump);
    });
}

/// Copies are swapped, cut short, changed by a bit, or another's: by somebody who may write there.
pub fn forged(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis forged", |breaking, server| {
        for _ in 0..3 {
            let keys = breaking.redis(server).try_ask::<Vec<String>>(&[b"KEYS", b"rescind:*:s:*"]).unwrap_or_default();
            for _ in 0..keys.len().min(100) {
                let [from, to] = [0; 2].map(|_| keys[breaking.dice.below(keys.len())].clone());
                forge(breaking, server, (&from, &to));
            }
            breaking.last(50);
        }
    });
}

fn forge(breaking: &mut Breaking<'_>, server: usize, (from, to): (&str, &str)) {
    let read = breaking.redis(server).try_ask::<Option<Vec<u8>>>(&[b"GET", from.as_bytes()]);
    let Ok(Some(mut value)) = read else { return };
    match breaking.dice.below(4) {
        0 => value.truncate(breaking.dice.below(value.len())),
        1 => {
            let at = breaking.dice.below(value.len());
            if let Some(byte) = value.get_mut(at) {
                *byte ^= 1;
            }
        }
        _ => {}
    }
    let _ = breaking.redis(server).try_ask::<()>(&[b"SET", to.as_bytes(), &value, b"KEEPTTL"]);
}

/// One node is led to a replica that hears nothing any more, and holds it for the primary.
pub fn stale_replica(breaking: &mut Breaking<'_>) {
    if !breaking.has_sentinels() {
        return flushed(breaking);
    }
    let node = breaking.node();
    breaking.during_redis("redis stale replica", |breaking, server| {
        let replica = (server + 1) % breaking.rig.copies.servers.len();
        // Writable and alone: an old primary that nobody told.
        let _ = breaking.redis(replica).try_ask::<()>(&[b"REPLICAOF", b"NO", b"ONE"]);
        breaking.rig.copies.lead(node, server, replica);
        breaking.last(1_000);
        breaking.rig.copies.lead(node, server, server);
    });
}

/// It takes nothing more, or throws away anything.
pub fn full(breaking: &mut Breaking<'_>) {
    breaking.during_redis("redis full", |breaking, server| {
        let policy: &[u8] = if breaking.dice.once_in(2) { b"noeviction" } else { b"allkeys-random" };
        let _ = breaking.redis(server).try_ask::<()>(&[b"CONFIG", b"SET", b"maxmemory-policy", policy]);
        let _ = breaking.redis(server).try_ask::<()>(&[b"CONFIG", b"SET", b"maxmemory", b"1500000"]);
        breaking.last(500);
        let _ = breaking.redis(server).try_ask::<()>(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
        let _ = breaking.redis(server).try_ask::<()>(&[b"CONFIG", b"SET", b"maxmemory-policy", b"noeviction"]);
    });
}
