//! PWD-06 with the real program: many guess one person's password, each from another address, at three nodes at once, while
//! there is a Redis and when it has gone. Whoever the password belongs to still gets in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::StatusCode;
use rescind::policy::throttle::{Delay, delay_after};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::PASSWORD;
use crate::support::browser::Browser;
use crate::support::database::is_postgres;
use crate::support::program::{Folder, Program};
use crate::support::redis::Redis;

const WHO: &str = "CUST_1";
/// Guesses under way at once.
const AT_ONCE: u32 = 16;
/// Guesses with a Redis, and as many without.
const GUESSES: u32 = 150;

/// What became of guesses: looked at and wrong, told to wait, not answered for certain.
#[derive(Debug, Default)]
struct Guesses {
    sent: AtomicU32,
    wrong: AtomicU32,
    waiting: AtomicU32,
    unsure: AtomicU32,
}

impl Guesses {
    /// One, in a browser that never was here.
    async fn guess(&self, bases: &[String; 3]) {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let from = format!("198.18.{}.{}", number / 256, number % 256);
        let mut browser = Browser::at(&bases[number as usize % 3]).with(&[("X-Forwarded-For", &from)]);
        let page = browser.get("/login").await;
        let seen = browser.type_password(&page, WHO, &format!("meadow-lantern-{number}-quarry-viola")).await;
        let count = match seen.status {
            StatusCode::UNPROCESSABLE_ENTITY => &self.wrong,
            StatusCode::TOO_MANY_REQUESTS => &self.waiting,
            StatusCode::SERVICE_UNAVAILABLE => &self.unsure,
            other => panic!("{other}: {}", seen.body),
        };
        count.fetch_add(1, Ordering::SeqCst);
    }

    async fn many(self: &Arc<Self>, bases: &[String; 3]) {
        let until = self.sent.load(Ordering::SeqCst) + GUESSES;
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (guesses, bases) = (self.clone(), bases.clone());
            tasks.spawn(async move {
                while guesses.sent.load(Ordering::SeqCst) < until {
                    guesses.guess(&bases).await;
                }
            });
        }
        tasks.join_all().await;
    }

    fn counts(&self) -> [u32; 3] {
        [&self.wrong, &self.waiting, &self.unsure].map(|count| count.load(Ordering::SeqCst))
    }
}

/// How many failures in a row there can be within so many seconds, for who waits no longer than asked.
fn possible(seconds: i64) -> i64 {
    let mut waited = 0;
    for failures in 0.. {
        match delay_after(failures) {
            Delay::None => {}
            Delay::Wait(wait) => waited += wait.num_seconds(),
            Delay::Disabled => return failures,
        }
        if waited > seconds {
            return failures;
        }
    }
    unreachable!("there is an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_06_rat_02_guesses_at_three_nodes_count_as_at_one_with_and_without_a_redis_and_lock_no_owner_out() {
    if !is_postgres() {
        return;
    }
    let mut redis = Redis::start();
    let folder = Folder::of_engine().await.with("RESCIND_TRUSTED_PROXIES", "127.0.0.1");
    let folder = folder.with("RESCIND_REDIS_URL", &redis.url());
    folder.enter_bank(WHO);
    let nodes: [Program; 3] = [folder.serve().await, folder.serve().await, folder.serve().await];
    let bases = [0, 1, 2].map(|at: usize| nodes[at].url(""));

    // A minute after the start Redis is new: whoever signs in has one try at once.
    let own = || Browser::at(&bases[0]).with(&[("X-Forwarded-For", "192.0.2.1")]);
    let mut owner = own();
    let page = owner.get("/login").await;
    assert_eq!(owner.type_password(&page, WHO, PASSWORD).await.status, StatusCode::SEE_OTHER);

    let (guesses, began) = (Arc::new(Guesses::default()), Instant::now());
    guesses.many(&bases).await;
    let with_redis = guesses.counts();
    redis.kill();
    guesses.many(&bases).await;
    let seconds = i64::try_from(began.elapsed().as_secs()).expect("seconds") + 1;
    let [wrong, waiting, unsure] = guesses.counts();
    println!("{wrong} looked at, {waiting} told to wait, {unsure} unsure in {seconds} s; with Redis {with_redis:?}");
    assert!(with_redis[0] >= 5, "the first few are looked at");
    let most = possible(seconds) * 11 / 10;
    assert!(i64::from(wrong) <= most, "{wrong} were looked at in {seconds} s, {most} may be");
    assert!(waiting > GUESSES, "the others wait");
    assert!(unsure < GUESSES / 5, "{unsure} unsure, although the database is there");

    // The browser that its owner used before is another matter.
    owner.cookies.retain(|name, _| name.contains("device"));
    let page = owner.get("/login").await;
    assert_eq!(owner.type_password(&page, WHO, PASSWORD).await.status, StatusCode::SEE_OTHER, "locked out");
    let mut stranger = own();
    let page = stranger.get("/login").await;
    assert_eq!(stranger.type_password(&page, WHO, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}
