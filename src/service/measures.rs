//! Everything that can be measured about this process, on one page. From memory alone: it is read also while the database is
//! away.

use crate::app::App;
use crate::metrics::page::Page;

/// The page's text.
pub fn read(app: &App) -> Result<String, std::fmt::Error> {
    let mut page = Page::default();
    app.metrics.write(&mut page);
    freshness(app, &mut page);
    hashes(app, &mut page);
    database(app, &mut page);
    limits(app, &mut page);
    page.text()
}

/// What checks are answered from.
fn freshness(app: &App, page: &mut Page) {
    let node = app.checks.node.standing();
    page.gauge("rescind_checks_fast", "1 if checks are answered from memory while the lease runs", node.is_fast.into());
    page.seconds_now("rescind_lease_remaining", "Time left of the lease; 0 without one", node.lease_left.as_secs_f64());
    page.seconds_now("rescind_lease_length", "Time that a renewed lease runs", node.lease_length.as_secs_f64());
    page.gauge(
        "rescind_feed_applied",
        "The feed number up to which this process knows what was taken back",
        node.applied,
    );
    page.gauge("rescind_feed_committed", "The highest feed number this process has heard of", node.known);
    page.gauge("rescind_view_entries", "What the view of revocations holds", count(node.entries));
    let (sessions, clients) = (&app.checks.sessions, &app.checks.clients);
    let held = [("sessions", sessions.len()), ("clients", clients.len())];
    let held = held.map(|(cache, held)| (vec![("cache", cache)], count(held))).to_vec();
    page.gauges("rescind_near_entries", "Copies kept in this process", held);
    let about = "Signs of life and uses of devices that were not noted, because there was no room";
    page.counts("rescind_activity_overlooked", about, app.activity.overlooked());
    page.gauge("rescind_near_most", "Copies of sessions there is room for", count(app.settings.near_cache));
}

/// The queue for password hashes.
fn hashes(app: &App, page: &mut Page) {
    let queue = app.secrets.hasher.queue();
    page.gauge("rescind_password_hashes_running", "Password hashes under way", count(queue.running));
    page.gauge("rescind_password_hashes_waiting", "Password hashes that wait for their turn", count(queue.waiting));
    page.counts("rescind_password_hashes_refused", "Password hashes turned away: the queue was full", &queue.busy);
    page.seconds("rescind_password_hash_wait", "Time a password hash waited for its turn", &queue.waits);
}

/// How limits are counted.
fn limits(app: &App, page: &mut Page) {
    page.gauge("rescind_nodes", "Nodes there are, as far as this process knows", count(app.limits.nodes()));
    let away = i64::try_from(app.limits.away()).unwrap_or(i64::MAX);
    page.count("rescind_limits_away", "Limits counted by this node's share alone, because Redis was away", away);
}

/// Connections to the database.
fn database(app: &App, page: &mut Page) {
    let pools = app.db.pools();
    let state = |pool, state| vec![("pool", pool), ("state", state)];
    let lent = pools.iter().flat_map(|pool| {
        [(state(pool.name, "used"), i64::from(pool.used)), (state(pool.name, "idle"), i64::from(pool.idle))]
    });
    page.gauges("rescind_database_connections", "Connections to the database", lent.collect());
    let most = pools.iter().map(|pool| (vec![("pool", pool.name)], i64::from(pool.most))).collect();
    page.gauges("rescind_database_connections_most", "Most connections there may be", most);
    let help = "Time until a connection or a transaction was there";
    page.seconds("rescind_database_wait", help, &app.db.waits().seconds);
}

fn count(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
