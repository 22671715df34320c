//! What a run showed, in markdown, for docs/proof/. Only figures, names of faults and versions: nothing of the machine.
//!
//! [`Report::of`] counts one history; [`Report::add`] adds another one's; the rest of the fields are for whoever ran it to
//! fill in; [`write`] writes the file.
#![allow(dead_code, reason = "each of the binaries that share it uses a part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::history::{Call, History, MS, Outcome, Said, Verb, Window};
use super::linear::Compared;
use super::rules::calls::whole;
use super::rules::{Judged, Rule, Violation, judged};

/// Versions of what was run.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// Of PostgreSQL.
    pub postgres: String,
    /// Of Redis.
    pub redis: String,
    /// Of the compiler.
    pub rustc: String,
    /// Of the kernel.
    pub kernel: String,
}

impl Versions {
    /// With what can be asked for without a server: Redis, compiler, kernel.
    pub fn read(postgres: &str) -> Self {
        let said = |program: &str| {
            let ran = std::process::Command::new(program).arg("--version").output();
            ran.map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned()).unwrap_or_default()
        };
        // `Redis server v=7.0.15 sha=00000000:0 malloc=...`
        let redis = said("redis-server");
        let redis = redis.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or_default().to_owned();
        // `rustc 1.94.0 (hash date)`
        let rustc = said("rustc").split_whitespace().nth(1).unwrap_or_default().to_owned();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        // What follows the number names who built it.
        let kernel =
            kernel.trim().split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default().to_owned();
        Self { postgres: postgres.to_owned(), redis, rustc, kernel }
    }
}

/// A seeded bug, and how it was found.
#[derive(Clone, Debug)]
pub struct Seeded {
    /// Its name.
    pub name: String,
    /// How long it took, and the rule it broke; `None`: it escaped.
    pub caught: Option<(Duration, Rule)>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seeds of the runs.
    pub seeds: Vec<u64>,
    /// How long clients worked.
    pub lasted: Duration,
    /// Versions.
    pub versions: Versions,
    /// How long of it nothing was broken, and the machine not slow by itself: only then silence counts.
    pub whole: Duration,
    /// How long of it the machine was slow by itself.
    pub slow: Duration,
    /// Settings that matter, in words.
    pub settings: Vec<String>,
    /// Checks by answer.
    pub checks: BTreeMap<&'static str, usize>,
    /// Checks that could have broken a rule at all.
    pub judged: Judged,
    /// Other calls, by what they were and what came of them.
    pub calls: BTreeMap<(&'static str, &'static str), usize>,
    /// Faults by kind.
    pub faults: BTreeMap<String, usize>,
    /// Sessions that lockdowns which were confirmed covered, most in one.
    pub largest_lockdown: usize,
    /// How long each confirmed lockdown took, in milliseconds.
    pub lockdowns_ms: Vec<u64>,
    /// What was wrong.
    pub violations: Vec<Violation>,
    /// What the full search was asked.
    pub compared: Compared,
    /// Seeded bugs that were tried.
    pub seeded: Vec<Seeded>,
    /// What is not covered, or went another way than meant.
    pub remarks: Vec<String>,
    /// Whether some of them are complaints: what was not ready in time, or hardly tried.
    pub is_complained_of: bool,
}

/// What a verb is called.
fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Page => "page opened",
        Verb::SignIn { .. } => "sign-in",
        Verb::Exchange { .. } => "code exchange",
        Verb::Enter { .. } => "sessions entered",
        Verb::Refresh { .. } => "refresh",
        Verb::RevokeToken { .. } => "access token revoked",
        Verb::RevokeGrant { .. } => "refresh token revoked",
        Verb::EndSession { .. } => "session ended",
        Verb::EndDevice { .. } => "device revoked",
        Verb::Lock { .. } => "lockdown",
        Verb::Unlock { .. } => "unlock",
    }
}

/// What an outcome is called.
const fn came(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Unconfirmed => "unconfirmed",
        Outcome::Refused => "refused",
        Outcome::Lost => "lost",
        Outcome::Odd(_) => "odd",
    }
}

/// The columns of outcomes.
const OUTCOMES: [&str; 5] = ["confirmed", "unconfirmed", "refused", "lost", "odd"];
/// What counts as a revocation.
const KILLS: [&str; 5] =
    ["lockdown", "access token revoked", "refresh token revoked", "session ended", "device revoked"];

impl Report {
    /// The counts of one history.
    pub fn of(history: &History, windows: &[Window], violations: &[Violation]) -> Self {
        let mut report = Self::default();
        for check in &history.checks {
            let said = match check.said {
                Said::Active => "active",
                Said::Inactive => "inactive",
                Said::Unsure => "unsure (503)",
                Said::Lost => "no answer",
                Said::Odd(_) => "odd",
            };
            *report.checks.entry(said).or_insert(0) += 1;
        }
        for call in &history.calls {
            *report.calls.entry((name(call.verb), came(call.outcome))).or_insert(0) += 1;
        }
        for window in windows {
            *report.faults.entry(window.kind.clone()).or_insert(0) += 1;
        }
        report.judged = judged(history, windows);
        let end = history.checks.iter().map(|check| check.end).max().unwrap_or(0);
        report.lasted = Duration::from_nanos(end);
        report.whole = Duration::from_nanos(whole(history, windows));
        report.slow = history.slow.iter().map(|(begin, end)| Duration::from_nanos(end - begin)).sum();
        report.largest_lockdown = largest_lockdown(history);
        report.lockdowns_ms = lockdowns_ms(history);
        report.violations = violations.to_vec();
        report
    }

    /// Those of another one as well: of the same versions.
    pub fn add(&mut self, other: Self) {
        if !other.versions.rustc.is_empty() {
            self.versions = other.versions;
        }
        let new = other.settings.into_iter().filter(|setting| !self.settings.contains(setting));
        let new: Vec<_> = new.collect();
        self.settings.extend(new);
        self.seeds.extend(other.seeds);
        self.lasted += other.lasted;
        self.whole += other.whole;
        self.slow += other.slow;
        other.checks.into_iter().for_each(|(said, count)| *self.checks.entry(said).or_insert(0) += count);
        self.judged.dead += other.judged.dead;
        self.judged.good += other.judged.good;
        self.judged.whole += other.judged.whole;
        other.calls.into_iter().for_each(|(call, count)| *self.calls.entry(call).or_insert(0) += count);
        other.faults.into_iter().for_each(|(kind, count)| *self.faults.entry(kind).or_insert(0) += count);
        self.largest_lockdown = self.largest_lockdown.max(other.largest_lockdown);
        self.lockdowns_ms.extend(other.lockdowns_ms);
        self.violations.extend(other.violations);
        self.compared.tokens += other.compared.tokens;
        self.compared.wrong += other.compared.wrong;
        self.compared.differences.extend(other.compared.differences);
        self.seeded.extend(other.seeded);
        self.remarks.extend(other.remarks);
        self.is_complained_of |= other.is_complained_of;
    }

    /// How many checks there were.
    pub fn all_checks(&self) -> usize {
        self.checks.values().sum()
    }

    /// Revocations that were confirmed.
    pub fn revocations(&self) -> usize {
        KILLS.iter().filter_map(|kill| self.calls.get(&(*kill, "confirmed"))).sum()
    }

    /// Faults whose name holds a word.
    pub fn faults_with(&self, word: &str) -> usize {
        self.faults.iter().filter(|(kind, _)| kind.contains(word)).map(|(_, count)| count).sum()
    }

    /// Changes that were acknowledged.
    fn acknowledged(&self) -> usize {
        self.calls
            .iter()
            .filter(|((call, came), _)| *came == "confirmed" && *call != "page opened")
            .map(|(_, n)| n)
            .sum()
    }

    fn broken(&self, rules: &[Rule]) -> usize {
        self.violations.iter().filter(|violation| rules.contains(&violation.rule)).count()
    }

    /// Whether nothing is wrong, and no seeded bug escaped.
    pub fn is_good(&self) -> bool {
        let escaped = self.seeded.iter().any(|seeded| seeded.caught.is_none());
        let is_sound = !self.is_complained_of && self.compared.differences.is_empty();
        self.violations.is_empty() && is_sound && !escaped
    }
}

/// The most sessions that one confirmed lockdown ended: those of its customer that were there when it was sent, and not before
/// the lockdown before it.
fn largest_lockdown(history: &History) -> usize {
    let mut born: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for session in &history.sessions {
        born.entry(session.customer).or_default().push(session.proof.1);
    }
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    let mut most = 0;
    for call in history.calls.iter().filter(|call| call.outcome == Outcome::Confirmed) {
        if let Verb::Lock { customer } = call.verb {
            let before = last.insert(customer, call.begin).unwrap_or(0);
            let there = born
                .get(&customer)
                .map_or(0, |born| born.iter().filter(|proof| (before..call.begin).contains(*proof)).count());
            most = most.max(there);
        }
    }
    most
}

fn lockdowns_ms(history: &History) -> Vec<u64> {
    let is_done = |call: &&Call| call.outcome == Outcome::Confirmed && matches!(call.verb, Verb::Lock { .. });
    history.calls.iter().filter(is_done).map(|call| (call.end - call.begin) / MS).collect()
}

/// A row of a table.
fn row(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn head(out: &mut String, title: &str, cells: &[&str]) {
    let _ = writeln!(out, "\n## {title}\n");
    row(out, &cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
    row(out, &vec!["---".to_owned(); cells.len()]);
}

/// The most that the rate of what was never seen in `n` trials can be, at 95 % (the rule of three).
fn bound(seen: usize, n: usize) -> String {
    match (seen, n) {
        (0, 1..) => format!("below {:.1e}", 3.0 / f64::from(u32::try_from(n).unwrap_or(u32::MAX))),
        _ => "none".to_owned(),
    }
}

/// How a report begins.
const GOOD: &str = "Nothing was wrong.";
const BAD: &str = "**Something was wrong: see below.**";

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut out = String::from("# The proof: a run\n\n");
    let verdict = if report.is_good() { GOOD } else { BAD };
    let minutes = report.lasted.as_secs_f64() / 60.0;
    let seeds = report.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let _ = writeln!(out, "{verdict} Clients worked for {minutes:.1} minutes. Seeds: {seeds}.\n");
    let _ = writeln!(
        out,
        "For {:.1} minutes of that nothing was broken, nor had been a lease and {} s before, nor was the machine slow by itself: \
         only then a 503 counts as wrong. It was slow by itself (what a renewal asks of the database took more than 250 ms beside the run) for {:.1} \
         minutes, while something was broken or not.\n",
        report.whole.as_secs_f64() / 60.0,
        super::rules::calls::MARGIN / super::history::SECOND,
        report.slow.as_secs_f64() / 60.0,
    );
    let Versions { postgres, redis, rustc, kernel } = &report.versions;
    let _ = writeln!(
        out,
        "Rescind {}, PostgreSQL {postgres}, Redis {redis}, rustc {rustc}, Linux {kernel}.",
        env!("CARGO_PKG_VERSION")
    );
    for setting in &report.settings {
        let _ = writeln!(out, "- {setting}");
    }
    promises(&mut out, report);
    how_long(&mut out, report);
    counts(&mut out, report);
    faults(&mut out, report);
    if !report.seeded.is_empty() {
        seeded(&mut out, report);
    }
    wrong(&mut out, report);
    out
}

fn promises(out: &mut String, report: &Report) {
    head(out, "Promises", &["What", "Trials", "Broken", "Rate at 95 %"]);
    let Judged { dead: dead_checks, good: good_checks, whole } = report.judged;
    let good = [Rule::FalseInactive, Rule::FalseRefusal];
    let dead = [Rule::ActiveAfterConfirmed, Rule::ActiveAfterInactive, Rule::Branch];
    let silent = [Rule::UnsureWithoutCause, Rule::Odd];
    // The old primary is killed first.
    let promotions = report.faults_with("promoted");
    let kills = report.faults_with("killed") + promotions;
    let all = Rule::ALL;
    for (what, trials, rules) in [
        ("checks of tokens that were dead for certain", dead_checks, dead.as_slice()),
        ("checks of tokens that were good for certain", good_checks, good.as_slice()),
        ("checks while nothing was broken: answered", whole, silent.as_slice()),
        ("acknowledged changes that are there at the end", report.acknowledged(), &[Rule::Forgotten]),
        ("revocations that were confirmed", report.revocations(), dead.as_slice()),
        ("kills of parts survived", kills, all.as_slice()),
        ("promotions of the standby survived", promotions, all.as_slice()),
    ] {
        let broken = report.broken(rules);
        row(out, &[what.to_owned(), trials.to_string(), broken.to_string(), bound(broken, trials)]);
    }
    let Compared { tokens, differences, .. } = &report.compared;
    let _ = writeln!(
        out,
        "\nHistories of {tokens} tokens also went through a full search for an order (linearizability): it disagreed with the \
         rules {} times. The largest lockdown covered {} sessions.",
        differences.len(),
        report.largest_lockdown
    );
}

/// Under all faults, and beside everything else that ran on the machine.
fn how_long(out: &mut String, report: &Report) {
    let mut took = report.lockdowns_ms.clone();
    took.sort_unstable();
    if let (Some(half), Some(most), Some(longest)) =
        (took.get(took.len() / 2), took.get(took.len() * 99 / 100), took.last())
    {
        let _ = writeln!(
            out,
            "\nLockdowns were confirmed within {half} ms (half of them) and {most} ms (99 of 100), faults or not; the longest \
             took {longest} ms."
        );
    }
}

fn counts(out: &mut String, report: &Report) {
    head(out, "Checks", &["Answer", "Count"]);
    for (said, count) in &report.checks {
        row(out, &[(*said).to_owned(), count.to_string()]);
    }
    head(out, "Other calls", &[&["Call"], OUTCOMES.as_slice()].concat());
    let verbs: std::collections::BTreeSet<&str> = report.calls.keys().map(|(verb, _)| *verb).collect();
    for verb in verbs {
        let of = |came: &&str| report.calls.get(&(verb, *came)).copied().unwrap_or(0).to_string();
        row(out, &[vec![verb.to_owned()], OUTCOMES.iter().map(of).collect()].concat());
    }
}

fn faults(out: &mut String, report: &Report) {
    head(out, "Faults", &["Kind", "Count"]);
    for (kind, count) in &report.faults {
        row(out, &[kind.clone(), count.to_string()]);
    }
    row(out, &["all".to_owned(), report.faults.values().sum::<usize>().to_string()]);
}

fn seeded(out: &mut String, report: &Report) {
    head(out, "Seeded bugs", &["Bug", "Caught after", "By"]);
    for Seeded { name, caught } in &report.seeded {
        let (after, by) = caught.map_or(("**escaped**".to_owned(), ""), |(after, rule)| {
            (format!("{:.1} s", after.as_secs_f64()), rule.words())
        });
        row(out, &[name.clone(), after, by.to_owned()]);
    }
}

/// How many violations are told in full.
const TOLD: usize = 30;

fn wrong(out: &mut String, report: &Report) {
    let differences = report.compared.differences.iter().map(String::as_str);
    if !report.violations.is_empty() || !report.compared.differences.is_empty() {
        let _ = writeln!(out, "\n## What was wrong\n");
        for violation in report.violations.iter().take(TOLD) {
            let _ = writeln!(out, "- {violation}");
        }
        if report.violations.len() > TOLD {
            let _ = writeln!(out, "- and {} more", report.violations.len() - TOLD);
        }
        differences.for_each(|difference| {
            let _ = writeln!(out, "- {difference}");
        });
    }
    if !report.remarks.is_empty() {
        let _ = writeln!(out, "\n## Remarks\n");
        for remark in &report.remarks {
            let _ = writeln!(out, "- {remark}");
        }
    }
}

/// Adds what a build with seeded bugs showed to a report that is there: what it did without any, and what became of each.
pub fn append_seeded(file: &Path, report: &Report) -> std::io::Result<()> {
    let mut out = std::fs::read_to_string(file)?;
    if !report.is_good() {
        out = out.replacen(GOOD, BAD, 1);
    }
    if !report.lasted.is_zero() {
        let (minutes, pauses) = (report.lasted.as_secs_f64() / 60.0, report.faults_with("paused before answers"));
        let _ = writeln!(
            out,
            "\n## With a pause between verdict and answer\n\nFor {minutes:.1} minutes nodes stood still there and were woken again, in {pauses} \
             spells of 10 s; each began and ended with a kill of the node. Of {} checks of tokens that were dead for certain, and {} of good ones, {} were answered wrongly.",
            report.judged.dead,
            report.judged.good,
            report.violations.len()
        );
        wrong(&mut out, report);
    }
    if !report.seeded.is_empty() {
        seeded(&mut out, report);
    }
    std::fs::write(file, out)
}

/// Writes the report.
pub fn write(file: &Path, report: &Report) -> std::io::Result<()> {
    std::fs::write(file, text(report))
}
