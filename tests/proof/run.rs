//! One run: a rig, clients at work on it, somebody who breaks things, and then the rules.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::thread::sleep;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::breaking::{Breaking, Windows};

use crate::clients::{self, Site};
use crate::dice::Dice;
use crate::history::{Clock, History, NEVER, Window};
use crate::ledger;
use crate::linear::{self, Compared};
use crate::rig::{Making, Rig};
use crate::rules::{self, Rule, Violation};

/// How a run is made.
pub struct Run {
    /// What is drawn follows from it.
    pub seed: u64,
    /// How long things are broken.
    pub length: Duration,
    /// The longest that anything is left broken.
    pub longest: Duration,
    /// Between two faults, at most.
    pub rest: Duration,
    /// How often the rules are asked meanwhile: a run in which something is wrong ends.
    pub look: Duration,
    /// Whether it ends as soon as a violation is one of these.
    pub ends_at: fn(Rule) -> bool,
    /// How the rig is made.
    pub making: Making,
    /// How clients work.
    pub work: clients::Plan,
    /// Where logs go of a run in which something was wrong.
    pub keep: PathBuf,
}

/// What it showed.
pub struct Ran {
    /// What happened.
    pub history: History,
    /// What was broken.
    pub windows: Vec<Window>,
    /// What was wrong.
    pub violations: Vec<Violation>,
    /// What was not ready in time, or did not end cleanly.
    pub complaints: Vec<String>,
    /// The rules and the full search, compared.
    pub compared: Compared,
    /// How long after clients had begun something wrong was seen.
    pub seen_after: Option<Duration>,
    /// The version of PostgreSQL.
    pub postgres: String,
}

impl Run {
    /// Runs. `act` breaks one thing after the other.
    pub fn go(self, handle: &Handle, mut act: impl FnMut(&mut Breaking<'_>)) -> Ran {
        let mut rig = Rig::start(self.making, handle.clone());
        let (app, ports) = (rig.nodes.app.clone(), rig.nodes.ports.clone());
        let site = handle.block_on(Site::enter(app.clone(), ports));
        let clock = Clock::start();
        let working = handle.block_on(clients::start(site, self.work, clock));
        let windows = Windows::default();
        let mut breaking = Breaking {
            rig: &mut rig,
            dice: Dice::of(self.seed),
            clock,
            windows: windows.clone(),
            longest: self.longest,
            complaints: Vec::new(),
        };
        let (began, mut looked, mut seen_after) = (Instant::now(), Instant::now(), None);
        while began.elapsed() < self.length && seen_after.is_none() && breaking.complaints.is_empty() {
            act(&mut breaking);
            let most = u64::try_from(self.rest.as_millis()).unwrap_or(u64::MAX);
            sleep(Duration::from_millis(breaking.dice.between(most / 4, most)));
            if looked.elapsed() > self.look {
                let found = rules::check(&working.so_far(), &all(&windows));
                let (checks, calls) = working.counts();
                println!("{:8.1} s  {checks} checks, {calls} other calls", began.elapsed().as_secs_f64());
                seen_after = found.iter().any(|found| (self.ends_at)(found.rule)).then(|| began.elapsed());
                looked = Instant::now();
            }
        }
        let complaints = std::mem::take(&mut breaking.complaints);
        let history = handle.block_on(working.end());
        let windows = all(&windows);
        let mut violations = rules::check(&history, &windows);
        violations.extend(handle.block_on(ledger::check(&app, &history)));
        if !violations.is_empty() {
            seen_after = seen_after.or(Some(began.elapsed()));
        }
        if seen_after.is_some() || !complaints.is_empty() {
            rig.keep_logs(&self.keep);
        }
        let postgres = handle.block_on(ledger::version(&app)).unwrap_or_default();
        let compared = linear::differences(&history, &violations, 500);
        Ran { history, windows, violations, complaints, compared, seen_after, postgres }
    }
}

fn all(windows: &Windows) -> Vec<Window> {
    windows.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Ran {
    /// Whether everything was as promised.
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.complaints.is_empty() && self.compared.differences.is_empty()
    }

    /// A run in which hardly anything was tried shows nothing: what there was too little of.
    pub fn too_little(&self, seconds: u64) -> Option<String> {
        let judged = rules::judged(&self.history, &self.windows);
        let tried = [("checks", self.history.checks.len(), 20), ("checks of what was surely dead", judged.dead, 1)];
        let seconds = usize::try_from(seconds).unwrap_or(usize::MAX);
        let few = tried.into_iter().find(|(_, count, a_second)| *count < seconds.saturating_mul(*a_second));
        let few = few.map(|(what, count, _)| format!("only {count} {what} in {seconds} s"));
        few.or_else(|| (self.faults() < seconds / 60).then(|| format!("only {} faults", self.faults())))
    }

    /// A long run in which nearly every 503 is excused shows little of R4: whether that is so.
    pub fn too_much_excused(&self, length: Duration) -> Option<String> {
        let slow: u64 = self.history.slow.iter().map(|(begin, end)| end - begin).sum();
        let (slow, whole) =
            (Duration::from_nanos(slow), Duration::from_nanos(rules::calls::whole(&self.history, &self.windows)));
        let said = format!(
            "the machine was slow by itself for {slow:.0?} of {length:.0?}, and nothing was broken for {whole:.0?}"
        );
        (slow > length / 2 || whole < length / 100).then_some(said)
    }

    /// Tells what was wrong, and keeps the smallest part of the history that shows it.
    pub fn tell(&self, folder: &Path) {
        for complaint in &self.complaints {
            println!("WRONG: {complaint}");
        }
        for violation in self.violations.iter().take(20) {
            println!("WRONG: {violation}");
            let during = self.windows.iter().filter(|window| {
                window.begin <= violation.at && violation.at <= window.end.saturating_add(self.history.lease)
            });
            for window in during {
                println!("    while {} ({})", window.kind, window.target);
            }
        }
        for difference in &self.compared.differences {
            println!("WRONG: the two checkers disagree: {difference}");
        }
        if let Some(after) = self.seen_after {
            println!("it was seen after {after:.1?}");
        }
        let session = self.violations.iter().find_map(|violation| violation.session);
        let part = session.map_or_else(|| self.history.clone(), |session| self.history.about(session));
        let file = folder.join("proof-failed.json");
        match part.save(&file, &self.windows) {
            Ok(()) => println!("the part of the history that shows it is in {}", file.display()),
            Err(error) => println!("the history can't be written: {error}"),
        }
    }

    /// Faults that were begun and are over.
    pub fn faults(&self) -> usize {
        self.windows.iter().filter(|window| window.end != NEVER).count()
    }
}
