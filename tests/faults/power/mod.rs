//! A power cut of SQLite. What servers and commands do to their files is written down; afterwards the power is cut at any
//! moment of that: what was synced is there, of the rest what the dice say, in sectors. On what is left then, everything that
//! was acknowledged before that moment is there, and nothing that was taken back is active.

mod disk;
mod judge;
mod people;
mod watched;

use std::fs;

use self::disk::{Disk, Fate, Honest};
use self::judge::{Entered, Story};
use self::people::Person;
use self::watched::{Happened, Moment, Watched};
use crate::proof::dice::Dice;
use crate::support::database::is_postgres;
use crate::support::direct::together;
use crate::support::program::{Bank, Folder};

/// All that happened, from an empty folder on.
struct Run {
    watched: Watched,
    bank: Bank,
    entered: Vec<Entered>,
    people: Vec<Person>,
    happened: Vec<Happened>,
    /// Before the server was started.
    opened: Moment,
}

impl Run {
    /// So many customers, each of whom signs in so often, until the server is killed.
    async fn of(seed: u64, customers: u64, rounds: usize) -> Self {
        let watched = Watched::empty();
        let mut entered = Vec::new();
        let bank = watched.folder.enter_bank("CUST_0");
        for client in ["naybitono-mobile", "accounts-api", "fraud-desk"] {
            entered.push((watched.now(), "clients", "client_id", client.to_owned()));
        }
        entered.push((watched.now(), "customers", "customer_id", bank.customer.clone()));
        for number in 1..customers {
            let id = format!("CUST_{number}");
            let command = ["customer", "create", "--id", &id, "--name", "Somebody"];
            assert_eq!(watched.folder.run_with(&command, crate::support::PASSWORD).code, 0);
            entered.push((watched.now(), "customers", "customer_id", id));
        }
        let opened = watched.now();
        let server = watched.folder.serve().await;
        let lives = (0..customers).map(|number| {
            let bank = Bank { customer: format!("CUST_{number}"), ..bank.clone() };
            let (watched, server) = (&watched, &server);
            async move { people::live(watched, server, &bank, (Dice::of_part(seed, number), rounds)).await }
        });
        let people = together(lives).await;
        // Not killed: what it had written and not told of yet would have escaped.
        assert_eq!(server.stop().code, 0);
        let happened = watched.happened();
        Self { watched, bank, entered, people, happened, opened }
    }

    fn story(&self) -> Story<'_> {
        Story { root: &self.watched.root, entered: &self.entered, people: &self.people, bank: &self.bank }
    }

    /// When something had just been acknowledged.
    fn told(&self) -> Vec<Moment> {
        self.people.iter().flat_map(|person| person.notes.iter().map(|note| note.told)).collect()
    }

    /// When checkpoints moved a page from the write-ahead log to the database, while people were served.
    fn moves(&self) -> Vec<Moment> {
        let is_database = |each: &&Happened| each.kind == 'F' && each.bytes.ends_with(b"/rescind.db");
        let database = self.happened.iter().find(is_database).expect("a database").inode;
        let is_page = |each: &&Happened| each.kind == 'W' && each.inode == database && each.at > self.opened;
        self.happened.iter().filter(is_page).map(|each| each.at).collect()
    }

    /// The worst moments, and any: right after an acknowledgement, and in the middle of a checkpoint.
    fn cuts(&self, dice: &mut Dice, many: u64, from: Moment) -> Vec<Moment> {
        let any: Vec<Moment> = self.happened.iter().map(|each| each.at).filter(|at| *at >= from).collect();
        let later = |all: Vec<Moment>| -> Vec<Moment> { all.into_iter().filter(|at| *at >= from).collect() };
        let kinds = [later(self.told()), any.clone(), later(self.moves()), any];
        let drawn = (0..many).zip(kinds.iter().cycle()).filter_map(|(_, kind)| dice.one(kind).copied());
        let mut cuts: Vec<Moment> = drawn.collect();
        cuts.sort_unstable();
        cuts
    }
}

/// A folder in which Rescind would run on as in the one that was watched.
fn elsewhere() -> Folder {
    Folder::new().with("RESCIND_LIMIT_SCALE", "1000000")
}

const HONEST: Honest<'static> = &|_| true;

/// What was seen of the machine under test must be all that it did.
fn assert_nothing_escaped(run: &Run) {
    let (mut disk, copy) = (Disk::with(&run.watched.root), elsewhere());
    disk.play(&run.happened, Moment::MAX, HONEST);
    disk.after_a_cut(copy.path(), &mut Dice::of(1), Some(Fate::Everything));
    let mut files = run.watched.folder.files();
    files.retain(|name| !name.ends_with("-shm"));
    assert_eq!(copy.files(), files);
    for name in files {
        let read = |folder: &Folder| fs::read(folder.path().join(&name)).expect("a file");
        assert!(read(&copy) == read(&run.watched.folder), "{name} was changed by something that was not seen");
    }
}

#[allow(clippy::disallowed_methods, reason = "how much is tried is up to whoever runs it")]
fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_power_cut_at_any_moment() {
    if is_postgres() {
        return;
    }
    let (seed, many) = (asked("TEST_SEED", 1), asked("TEST_CUTS", 60));
    let run = Run::of(seed, 4, 6).await;
    assert_nothing_escaped(&run);
    let (deeds, pages) = (run.told().len(), run.moves().len());
    println!("seed {seed}: {deeds} acknowledgements, {} file operations, {pages} pages moved", run.happened.len());
    assert!(pages > 0, "no checkpoint ran while people were served: nothing was cut in the middle of one");
    let mut dice = Dice::of(seed);
    for (many, from, is_met) in [(many, 0, false), (many / 8, run.opened, true)] {
        let mut disk = Disk::with(&run.watched.root);
        for moment in run.cuts(&mut dice, many, from) {
            disk.play(&run.happened, moment, HONEST);
            let copy = elsewhere();
            let fate = dice.once_in(2).then_some(Fate::Nothing);
            disk.after_a_cut(copy.path(), &mut dice, fate);
            let story = run.story();
            let wrong = if is_met { story.meet(&copy, moment).await } else { story.read(copy.path(), moment).await };
            assert!(wrong.is_empty(), "seed {seed}, cut at {moment}, fate {fate:?}: {wrong:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_lies_about_syncs_loses_what_was_acknowledged_and_that_is_seen() {
    if is_postgres() {
        return;
    }
    let run = Run::of(2, 2, 3).await;
    // It lies from just before the first lockdown on.
    let locks = || run.people.iter().flat_map(|person| person.notes.iter().filter(|note| note.is_lock()));
    let lock = locks().min_by_key(|note| note.sent).expect("everybody was locked");
    let honest = |each: &Happened| each.at <= lock.sent;
    let (mut disk, copy) = (Disk::with(&run.watched.root), elsewhere());
    disk.play(&run.happened, lock.told, &honest);
    disk.after_a_cut(copy.path(), &mut Dice::of(1), Some(Fate::Nothing));
    let read = run.story().read(copy.path(), lock.told).await;
    assert!(read.iter().any(|wrong| wrong.contains("audit rows `lockdown`")), "{read:?}");
    assert!(read.iter().any(|wrong| wrong.contains("incident")), "{read:?}");
    let met = run.story().meet(&copy, lock.told).await;
    for words in ["active again", "was ended and can be refreshed", "may sign in"] {
        assert!(met.iter().any(|wrong| wrong.contains(words)), "nobody met `{words}`: {met:?}");
    }
    // The same with dice: most cuts are seen, and without lies none is.
    let mut seen = [0, 0];
    for (at, honest) in [&honest as Honest, HONEST].into_iter().enumerate() {
        let mut disk = Disk::with(&run.watched.root);
        for (number, moment) in run.cuts(&mut Dice::of(3), 20, lock.told).into_iter().enumerate() {
            disk.play(&run.happened, moment, honest);
            let copy = elsewhere();
            disk.after_a_cut(copy.path(), &mut Dice::of_part(3, u64::try_from(number).expect("small")), None);
            seen[at] += usize::from(!run.story().read(copy.path(), moment).await.is_empty());
        }
    }
    assert!(
        seen[0] >= 5 && seen[1] == 0,
        "{seen:?} of 20 cuts were seen, on a disk that lies and on one that does not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_in_the_first_command_leaves_what_the_next_one_can_start_with() {
    if is_postgres() {
        return;
    }
    let watched = Watched::empty();
    assert_eq!(watched.folder.run(&["migrate"]).code, 0);
    let (happened, mut dice) = (watched.happened(), Dice::of(1));
    let mut disk = Disk::with(&watched.root);
    // Most of it is the schema: its beginning is where keys, folders and the file are made.
    let early = happened.iter().position(|each| each.bytes.ends_with(b".migrate.lock")).expect("a lock");
    let cuts = (0..early).chain((early..happened.len()).step_by(60)).map(|at| happened[at].at);
    for moment in cuts {
        disk.play(&happened, moment, HONEST);
        for fate in [Some(Fate::Nothing), None] {
            let copy = elsewhere();
            disk.after_a_cut(copy.path(), &mut dice, fate);
            let files = copy.files();
            let again = copy.run(&["migrate"]);
            assert_eq!(again.code, 0, "cut at {moment}, fate {fate:?}, left {files:?}: {again:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_and_a_backup_are_whole_or_not_there_yet_and_stay_once_told() {
    if is_postgres() {
        return;
    }
    let watched = Watched::empty();
    assert_eq!(watched.folder.run(&["migrate"]).code, 0);
    for (command, file) in
        [(&["keys", "rotate"][..], "rescind-keys/secret_key"), (&["backup", "copy.db"][..], "copy.db")]
    {
        let file_in = |folder: &Folder| fs::read(folder.path().join(file)).ok();
        let (before, began) = (file_in(&watched.folder), watched.now());
        assert_eq!(watched.folder.run(command).code, 0);
        let (after, told) = (file_in(&watched.folder), watched.now());
        assert!(before != after, "{command:?} changed nothing");
        let (happened, mut dice, mut disk) = (watched.happened(), Dice::of(1), Disk::with(&watched.root));
        for moment in happened.iter().map(|each| each.at).filter(|at| (began..=told).contains(at)) {
            disk.play(&happened, moment, HONEST);
            for fate in [Some(Fate::Nothing), None] {
                let copy = elsewhere();
                disk.after_a_cut(copy.path(), &mut dice, fate);
                let left = file_in(&copy);
                let is_whole = left == after || (left == before && moment < told);
                assert!(is_whole, "{command:?} cut at {moment} of {began}..={told}, fate {fate:?}: not whole");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_did_not_sync_is_synced_before_the_next_one_tells_it() {
    if is_postgres() {
        return;
    }
    let mut watched = Watched::empty();
    // With checks from memory a node registers first, and so commits and syncs.
    watched.folder.set("RESCIND_CHECKS", "plain");
    let bank = watched.folder.enter_bank("CUST_0");
    let server = watched.folder.serve().await;
    let pair = server.pair(&bank.customer).await;
    server.kill();
    let before = watched.now();
    assert_eq!(watched.folder.run(&["lockdown", &bank.customer, "--reason", "phone stolen"]).code, 0);
    let killed = watched.now();
    let server = watched.folder.serve().await;
    assert!(!server.is_active(&bank, &pair.access).await);
    let told = watched.now();
    server.kill();

    // As if the command had been killed when it had written, and not synced: the next process sees what it wrote.
    let honest = |each: &Happened| each.at <= before || each.at > killed;
    let (mut disk, copy) = (Disk::with(&watched.root), elsewhere());
    disk.play(&watched.happened(), told, &honest);
    disk.after_a_cut(copy.path(), &mut Dice::of(1), Some(Fate::Nothing));
    let server = copy.serve().await;
    assert!(!server.is_active(&bank, &pair.access).await, "a check said inactive, and then active");
}
