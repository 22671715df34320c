//! For how long a server that was told to stop finishes what it has begun.

use std::time::Duration;

use rocket::figment::Figment;

/// What the longest verb takes beyond the longest lease: the wait's own grace, and its last statements.
const BEYOND_THE_LEASE: Duration = Duration::from_secs(3);

/// Lets a revocation that waits for a hung server be answered also by a server that stops, unless Rocket's `shutdown` says
/// otherwise.
pub(super) fn patient(rocket: Figment, lease: Duration) -> Figment {
    let said_by = rocket.find_metadata("shutdown.grace").map(|about| about.name.to_string());
    if said_by.is_some_and(|name| !name.starts_with("rocket::Config")) {
        return rocket;
    }
    rocket.merge(("shutdown.grace", (lease + BEYOND_THE_LEASE).as_secs()))
}

#[cfg(test)]
mod tests {
    use rocket::config::Config;

    use super::*;

    fn grace(rocket: Figment) -> u32 {
        patient(rocket, Duration::from_secs(5)).extract::<Config>().unwrap().shutdown.grace
    }

    #[test]
    fn a_stopping_server_waits_longer_than_any_lease_unless_it_was_told() {
        assert_eq!(grace(Config::figment()), 8);
        assert_eq!(grace(Figment::from(Config::release_default())), 8);
        assert_eq!(grace(Config::figment().merge(("shutdown.grace", 1))), 1);
        // Rocket's own default, but said.
        assert_eq!(grace(Config::figment().merge(("shutdown.grace", 2))), 2);
    }
}
