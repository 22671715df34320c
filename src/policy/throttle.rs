//! How long an account waits after wrong passwords (NIST SP 800-63B §3.2.2): growing from the 5th failure in a row.

use chrono::TimeDelta;

/// Failures in a row before the first wait.
const FREE: i64 = 5;

/// Failures in a row at which the password no longer counts until recovery.
const MOST: i64 = 100;

/// The longest wait, in seconds: 15 minutes.
const LONGEST: i64 = 900;

/// What a further try has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Nothing.
    None,
    /// This long after the last failure.
    Wait(TimeDelta),
    /// The password is disabled until recovery.
    Disabled,
}

/// The wait after so many failures in a row: none below 5; 1 s after the 5th, doubling, 15 minutes at most; disabled from
/// 100.
#[must_use]
pub fn delay_after(failures: i64) -> Delay {
    match failures {
        i64::MIN..FREE => Delay::None,
        // 2^10 s is already beyond the longest wait.
        FREE..MOST => Delay::Wait(TimeDelta::seconds((1 << (failures - FREE).min(10)).min(LONGEST))),
        MOST.. => Delay::Disabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pwd_06_the_delay_grows_from_the_fifth_failure_and_ends_in_disabling() {
        for (failures, seconds) in
            [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (13, 256), (14, 512), (15, 900), (16, 900), (99, 900)]
        {
            assert_eq!(delay_after(failures), Delay::Wait(TimeDelta::seconds(seconds)), "{failures}");
        }
        for failures in [i64::MIN, -1, 0, 1, 4] {
            assert_eq!(delay_after(failures), Delay::None, "{failures}");
        }
        for failures in [100, 101, i64::MAX] {
            assert_eq!(delay_after(failures), Delay::Disabled, "{failures}");
        }
    }

    #[test]
    fn pwd_06_no_failure_ever_shortens_the_wait() {
        let seconds = |failures| match delay_after(failures) {
            Delay::None => 0,
            Delay::Wait(wait) => wait.num_seconds(),
            Delay::Disabled => i64::MAX,
        };
        assert!((0..200).all(|failures| seconds(failures) <= seconds(failures + 1)));
    }
}
