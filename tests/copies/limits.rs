//! RAT-02: limits that all nodes count together in Redis, on a clock that the tests hold: the same answers as one process
//! gives, one allowance for three nodes, and no second one whatever becomes of Redis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rescind::clock::{Clock, Timestamp};
use rescind::limits::{Limits, Rule, Sharing, Wait};
use rescind::model::redis_address::RedisAddress;
use rescind::secret::keys::Pepper;

use crate::bank::until;
use crate::support::KEY;
use crate::support::redis::Redis;

/// Time enough on any machine.
const PATIENT: Duration = Duration::from_secs(10);
/// As servers have it.
const HURRIED: Duration = Duration::from_millis(50);

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a time")
}

/// A node that counts in Redis; `nodes` are there.
async fn node(redis: &Redis, nodes: usize, scale: u32, deadline: Duration) -> Arc<Limits> {
    let address = RedisAddress::parse(&redis.url()).expect("an address");
    let (pepper, prefix, clock) = (Pepper::parse(KEY).expect("a pepper"), "nyb".to_owned(), Clock::default());
    let limits = Limits::new(scale, Arc::new(AtomicUsize::new(nodes)));
    let limits = limits.shared_in(Sharing { address, pepper, prefix, clock, deadline });
    limits.connect();
    limits.tried().await;
    Arc::new(limits)
}

/// Three nodes on a Redis that has counted for long.
async fn three(redis: &Redis, deadline: Duration) -> [Arc<Limits>; 3] {
    redis.db_has_counted_for_long("nyb");
    [node(redis, 3, 1, deadline).await, node(redis, 3, 1, deadline).await, node(redis, 3, 1, deadline).await]
}

/// How many get through at one instant, asked of all nodes in turn, 64 at once.
async fn allowed(nodes: &[Arc<Limits>; 3], rule: Rule, key: &'static str, now: Timestamp) -> u32 {
    let mut askers = tokio::task::JoinSet::new();
    for asker in 0..64_usize {
        let nodes = nodes.clone();
        askers.spawn(async move {
            let mut allowed = 0;
            for turn in 0..20 {
                allowed += u32::from(nodes[(asker + turn) % 3].take(rule, key, now).await.is_ok());
            }
            allowed
        });
    }
    askers.join_all().await.into_iter().sum()
}

/// How often they counted by themselves.
fn away(nodes: &[Arc<Limits>; 3]) -> u64 {
    nodes.iter().map(|node| node.away()).sum()
}

/// Waits until all nodes count in Redis again. Asks for keys that no test looks at.
async fn until_together(nodes: &[Arc<Limits>; 3], now: Timestamp) {
    for node in nodes {
        until("Redis answers", async || {
            let before = node.away();
            let _ = node.take(Rule::AskPerStaff, "nobody", now).await;
            node.away() == before
        })
        .await;
    }
}

/// A call: which rule, which key, and how much later in milliseconds.
fn calls() -> impl Strategy<Value = Vec<(usize, usize, i64)>> {
    let later = prop_oneof![
        6 => Just(0_i64),
        6 => 1..40_i64,
        3 => 40..4_000_i64,
        1 => 4_000..70_000_i64,
    ];
    prop::collection::vec((0..10_usize, 0..2_usize, later), 1..60)
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_redis_gives_exactly_the_answers_of_a_process() {
    let shared: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| rule.is_shared()).collect();
    assert_eq!(shared.len(), 10);
    let redis = Redis::start();
    redis.db_has_counted_for_long("nyb");
    let mut seen = BTreeMap::from([(true, 0), (false, 0)]);
    for (scale, few, cases) in [(1, true, 20), (1, false, 5), (7, true, 5), (7, false, 2), (1_000_000, false, 2)] {
        // Small allowances run out in short sequences: most of what there is to compare.
        let rules: Vec<Rule> = shared.iter().copied().filter(|rule| !few || rule.per_minute() <= 120).collect();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for case in 0..cases {
            let calls = calls().new_tree(&mut runner).expect("calls").current();
            let (local, together) = (Limits::new(scale, Arc::default()), node(&redis, 1, scale, PATIENT).await);
            let (mut at, running) = (now(), Clock::default().start());
            for (number, (rule, key, later)) in calls.iter().enumerate() {
                // Never behind the time of Redis, which forgets by its own.
                let passed = now() + TimeDelta::milliseconds(running.elapsed_ms() + 1);
                at = (at + TimeDelta::milliseconds(*later)).max(passed);
                let (rule, key) = (rules[rule % rules.len()], format!("{scale} {few} {case} {key}"));
                // Some of the allowance at once.
                for _ in 0..(rule.per_minute() / 3).min(40) {
                    let (one, other) = (local.take(rule, &key, at).await, together.take(rule, &key, at).await);
                    assert_eq!(one, other, "call {number} of {calls:?} at {at}, {rule:?}, scale {scale}");
                    *seen.get_mut(&one.is_ok()).expect("counted") += 1;
                }
            }
            assert_eq!(together.away(), 0, "this compares nothing");
        }
    }
    println!("{} allowed and {} refused, alike", seen[&true], seen[&false]);
    assert!(seen.values().all(|count| *count > 1_000), "{seen:?}");
    let counts = redis.keys("rescind:nyb:l:*:????????????????????????????????");
    assert!(counts.len() > 100, "{}", counts.len());
    for key in counts {
        let left: i64 = redis.ask(&[b"PTTL", key.as_bytes()]);
        assert!((-2..=60_000).contains(&left) && left != -1, "{key} is kept for {left} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_clocks_that_differ_or_go_back_are_answered_alike_too() {
    let redis = Redis::start();
    redis.db_has_counted_for_long("nyb");
    let (local, together) = (Limits::new(1, Arc::default()), node(&redis, 1, 1, PATIENT).await);
    let rule = Rule::SignInPerAddress;
    let mut answers = Vec::new();
    // A minute's worth, then a second behind, far behind, and on from there.
    for (number, seconds) in [(61, 0), (2, -1), (2, -60), (2, -61), (2, -300), (2, -299), (2, -270), (40, -260)] {
        for _ in 0..number {
            let at = now() + TimeDelta::seconds(seconds);
            let (one, other) = (local.take(rule, "a", at).await, together.take(rule, "a", at).await);
            assert_eq!(one, other, "{seconds}");
            answers.push(one.map_err(Wait::seconds));
        }
    }
    assert_eq!(answers[60..65], [Err(1), Err(2), Err(2), Err(61), Err(61)]);
    // 61 s back can't be two nodes: from then on the clock is believed.
    assert_eq!(answers[65..69], [Err(1), Err(1), Err(1), Err(1)]);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60 + 1 + 2 + 37, "{answers:?}");
    assert_eq!(together.away(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_three_nodes_give_one_allowance_and_not_one_more() {
    let redis = Redis::start();
    let nodes = three(&redis, PATIENT).await;
    for rule in [Rule::SignInPerAddress, Rule::FailedClientAuthPerClient, Rule::LookUpPerStaff] {
        assert_eq!(allowed(&nodes, rule, "a", now()).await, rule.per_minute(), "{rule:?}");
        let later = now() + TimeDelta::seconds(30);
        assert_eq!(allowed(&nodes, rule, "a", later).await, rule.per_minute() / 2, "{rule:?}");
    }
    assert_eq!(away(&nodes), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_what_is_not_counted_in_redis_is_counted_by_shares() {
    let redis = Redis::start();
    let nodes = three(&redis, PATIENT).await;
    let before = redis.keys("*").len();
    for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_shared() && rule.per_minute() < 3_000) {
        let count = allowed(&nodes, rule, "a", now()).await;
        assert_eq!(count, (rule.per_minute() / 3).max(1) * 3, "{rule:?}");
    }
    assert_eq!(redis.keys("*").len(), before);
}

/// An allowance, and a tenth.
fn is_one_allowance(rule: Rule, count: u32, what: &str) {
    assert!(count <= rule.per_minute() * 11 / 10, "{rule:?}: {count} {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_a_redis_that_is_stopped_started_anew_and_flushed_within_a_minute_gives_no_second_allowance() {
    for rule in [Rule::SignInPerAddress, Rule::FailedClientAuthPerClient] {
        let mut redis = Redis::start();
        let nodes = three(&redis, PATIENT).await;
        let mut count = allowed(&nodes, rule, "a", now()).await;
        assert_eq!(count, rule.per_minute());

        redis.kill();
        let alone = allowed(&nodes, rule, "a", now()).await;
        assert!(alone <= rule.per_minute() / 20, "{alone} by processes that do not know what was given");
        assert!(nodes.iter().all(|node| node.away() > 0), "they counted by themselves");
        let fresh = allowed(&nodes, rule, "b", now()).await;
        assert!((1..=rule.per_minute() / 20).contains(&fresh), "whoever comes once is not turned away: {fresh}");
        let minute = now() + TimeDelta::seconds(60);
        assert_eq!(allowed(&nodes, rule, "c", minute).await, rule.per_minute(), "three shares are one allowance");

        // Back to the first moment: the sum is what counts.
        redis.restart();
        until_together(&nodes, now()).await;
        count += alone + allowed(&nodes, rule, "a", now()).await;
        is_one_allowance(rule, count, "after it was started anew");
        redis.ask::<()>(&[b"FLUSHALL"]);
        count += allowed(&nodes, rule, "a", now()).await;
        is_one_allowance(rule, count, "after it was flushed");
        let later = now() + TimeDelta::seconds(61);
        assert_eq!(allowed(&nodes, rule, "a", later).await, rule.per_minute(), "it is not felt for ever");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_what_was_given_while_redis_was_away_is_not_given_again_when_it_is_back() {
    let rule = Rule::FailedClientAuthPerAddress;
    let redis = Redis::start();
    let nodes = three(&redis, HURRIED).await;
    redis.freeze();
    let _ = allowed(&nodes, rule, "nobody", now()).await;
    assert!(nodes.iter().all(|node| node.away() > 0), "they counted by themselves");
    let late = now() + TimeDelta::seconds(60);
    let alone = allowed(&nodes, rule, "a", late).await;
    assert_eq!(alone, rule.per_minute(), "all shares");
    // It has kept everything, but knows nothing of that.
    redis.thaw();
    until_together(&nodes, late).await;
    let count = alone + allowed(&nodes, rule, "a", late).await;
    is_one_allowance(rule, count, "when it is back");
    let again = allowed(&nodes, rule, "a", late + TimeDelta::seconds(30)).await;
    is_one_allowance(rule, again * 2, "a minute, after that");
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_a_redis_that_loses_a_script_or_is_filled_by_others_still_counts() {
    let redis = Redis::start();
    let nodes = three(&redis, PATIENT).await;
    let rule = Rule::SignInPerAddress;
    redis.ask::<()>(&[b"SCRIPT", b"FLUSH"]);
    assert_eq!(allowed(&nodes, rule, "a", now()).await, rule.per_minute());
    assert_eq!(away(&nodes), 0, "it was told the script again");

    // Whoever can write there can refuse people, but not for ever, and not end a process.
    for forged in ["x", "", "99999999999999999999999999999999 1", "-1 -1", "nan nan", "1e9 1e9"] {
        for key in redis.keys("rescind:nyb:l:*") {
            redis.ask::<()>(&[b"SET", key.as_bytes(), forged.as_bytes()]);
        }
        let at = now() + TimeDelta::seconds(1);
        let count = allowed(&nodes, rule, "a", at).await;
        assert!(count <= rule.per_minute(), "{forged:?}: {count}");
        let later = at + TimeDelta::seconds(61);
        assert_eq!(allowed(&nodes, rule, "a", later).await, rule.per_minute(), "{forged:?}");
    }
    for key in redis.keys("rescind:nyb:l:*") {
        redis.ask::<()>(&[b"DEL", key.as_bytes()]);
        redis.ask::<i64>(&[b"LPUSH", key.as_bytes(), b"x"]);
    }
    let count = allowed(&nodes, rule, "a", now() + TimeDelta::seconds(300)).await;
    assert!((1..=rule.per_minute()).contains(&count), "{count}");
}
