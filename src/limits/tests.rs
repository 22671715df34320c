//! The counts of one process, rule by rule.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use super::*;

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn alone(scale: u32) -> Limits {
    Limits::new(scale, Arc::default())
}

/// One of what this process counts.
fn take(limits: &Limits, rule: Rule, key: &str, now: Timestamp) -> Result<(), Wait> {
    limits.take_here((rule, key), 0, now.timestamp_millis())
}

/// How many are allowed at one instant.
fn taken(limits: &Limits, rule: Rule, key: &str, now: Timestamp) -> u32 {
    std::iter::repeat_with(|| take(limits, rule, key, now)).take_while(Result::is_ok).map(|_| 1).sum()
}

#[test]
fn rat_01_every_rule_allows_its_limit_and_refuses_one_more() {
    for scale in [1, 3] {
        let limits = alone(scale);
        for rule in Rule::ALL {
            for _ in 0..rule.burst() * scale {
                assert_eq!(take(&limits, rule, "a", now()), Ok(()), "{rule:?}");
            }
            let wait = take(&limits, rule, "a", now()).unwrap_err();
            assert_eq!(wait.seconds(), u64::from(60_u32.div_ceil(rule.burst() * scale)), "{rule:?}");
            assert!(take(&limits, rule, "b", now()).is_ok(), "another key of {rule:?} is not touched");
        }
    }
}

#[test]
fn rat_01_the_allowance_comes_back_evenly_over_the_minute() {
    for rule in Rule::ALL.into_iter().filter(|rule| rule.per_minute() % 10 == 0) {
        let limits = alone(1);
        assert_eq!(taken(&limits, rule, "a", now()), rule.burst(), "{rule:?}");
        assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(6)), rule.per_minute() / 10, "{rule:?}");
        assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(36)), rule.per_minute() / 2, "{rule:?}");
        assert_eq!(taken(&limits, rule, "a", now() + TimeDelta::seconds(600)), rule.burst(), "{rule:?}");
    }
}

#[test]
fn rat_01_waiting_as_told_is_enough_and_asking_earlier_costs_nothing() {
    let limits = alone(1);
    let rule = Rule::SignInPerAddress;
    taken(&limits, rule, "a", now());
    for _ in 0..1_000 {
        assert_eq!(take(&limits, rule, "a", now()), Err(Wait(Duration::from_secs(1))));
    }
    assert_eq!(take(&limits, rule, "a", now() + TimeDelta::milliseconds(999)), Err(Wait(Duration::from_millis(1))));
    assert_eq!(take(&limits, rule, "a", now() + TimeDelta::milliseconds(1_000)), Ok(()));
}

#[test]
fn rat_03_rules_have_separate_allowances() {
    let limits = alone(1);
    for rule in Rule::ALL {
        assert_eq!(taken(&limits, rule, "the same key", now()), rule.burst(), "{rule:?}");
    }
}

#[test]
fn rat_01_parallel_takers_never_exceed_the_allowance() {
    let limits = alone(1);
    let allowed: usize = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    (0..50).filter(|_| take(&limits, Rule::FailedClientAuthPerClient, "a", now()).is_ok()).count()
                })
            })
            .collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).sum()
    });
    assert_eq!(allowed, 600);
}

#[test]
fn any_scale_is_safe() {
    assert_eq!(taken(&alone(0), Rule::SignInPerAddress, "a", now()), 60);
    let limits = alone(u32::MAX);
    for rule in Rule::ALL {
        assert!((0..100_000).all(|_| take(&limits, rule, "a", now()).is_ok()), "{rule:?}");
    }
    for extreme in [Timestamp::MIN_UTC, Timestamp::MAX_UTC] {
        let _ = take(&limits, Rule::SignInPerAddress, "a", extreme);
    }
}

#[test]
fn rat_02_what_nodes_count_by_themselves_is_together_no_more_than_one_allowance() {
    let nodes = Arc::new(AtomicUsize::new(1));
    let three: Vec<Limits> = (0..3).map(|_| Limits::new(1, nodes.clone())).collect();
    let all = |now| -> u32 { three.iter().map(|node| taken(node, Rule::SignInPerAddress, "a", now)).sum() };
    nodes.store(3, Ordering::Relaxed);
    assert_eq!(all(now()), 60);
    assert_eq!(all(now() + TimeDelta::seconds(30)), 30);
    // What was used stays used, in parts of the allowance, when the number of nodes changes.
    nodes.store(2, Ordering::Relaxed);
    assert_eq!(all(now() + TimeDelta::seconds(30)), 0);
    nodes.store(0, Ordering::Relaxed);
    assert_eq!(three[0].nodes(), 1);
}

#[tokio::test]
async fn rat_02_without_a_redis_nothing_is_asked_for() {
    let limits = alone(1);
    limits.connect();
    limits.tried().await;
    for rule in Rule::ALL {
        assert_eq!(limits.take(rule, "a", now()).await, Ok(()));
    }
    assert_eq!(limits.away(), 0);
}
