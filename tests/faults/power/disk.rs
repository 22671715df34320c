//! What is on a disk after a power cut: all that was synced, and of the rest what the dice say. A file's bytes are kept by a
//! sync of the file, its name by a sync of its folder, and neither by the other. The smallest part that is written whole or
//! not at all is a sector; bytes beside those that were being written stay what they were (SQLite calls it powersafe
//! overwrite, and so do all disks that have sectors).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::watched::{Happened, Moment};
use crate::proof::dice::Dice;

/// Bytes that are written whole or not at all.
const SECTOR: usize = 512;

/// What becomes of changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All of them are lost.
    Nothing,
    /// All of them got there.
    Everything,
    /// The earlier ones got there.
    Earlier,
    /// Any of them got there.
    Any,
    /// Any of their sectors got there.
    Torn,
}

const FATES: [Fate; 5] = [Fate::Nothing, Fate::Everything, Fate::Earlier, Fate::Any, Fate::Torn];

/// Which syncs a disk really does.
pub type Honest<'a> = &'a dyn Fn(&Happened) -> bool;

#[derive(Debug)]
enum Change {
    Bytes(usize, Vec<u8>),
    Size(usize),
}

/// Names that change together, in one folder: to a file, or to nothing.
type Naming = Vec<(String, Option<usize>)>;

#[derive(Debug)]
enum Thing {
    File { kept: Vec<u8>, pending: Vec<Change> },
    Folder { kept: BTreeMap<String, usize>, pending: Vec<Naming> },
}

/// A disk, as far as one folder goes.
#[derive(Debug)]
pub struct Disk {
    /// The first is the folder itself.
    things: Vec<Thing>,
    by_inode: HashMap<u64, usize>,
    by_path: HashMap<String, usize>,
    /// How much of the story it has seen.
    seen: usize,
}

impl Disk {
    /// With an empty folder.
    pub fn with(root: &Path) -> Self {
        let inode = fs::metadata(root).expect("the folder").ino();
        let things = vec![Thing::Folder { kept: BTreeMap::new(), pending: Vec::new() }];
        let path = root.to_str().expect("UTF-8").to_owned();
        Self { things, by_inode: HashMap::from([(inode, 0)]), by_path: HashMap::from([(path, 0)]), seen: 0 }
    }

    /// Goes on with the story up to a moment.
    pub fn play(&mut self, story: &[Happened], until: Moment, honest: Honest) {
        while let Some(each) = story.get(self.seen).filter(|each| each.at <= until) {
            if each.kind != 'S' || honest(each) {
                self.take(each);
            }
            self.seen += 1;
        }
    }

    fn take(&mut self, each: &Happened) {
        let place = usize::try_from(each.place).expect("a place");
        let path = || String::from_utf8(each.bytes.clone()).expect("UTF-8");
        match each.kind {
            'F' | 'D' => {
                self.things.push(match each.kind {
                    'F' => Thing::File { kept: Vec::new(), pending: Vec::new() },
                    _ => Thing::Folder { kept: BTreeMap::new(), pending: Vec::new() },
                });
                let thing = self.things.len() - 1;
                self.by_inode.insert(each.inode, thing);
                self.name(vec![(path(), Some(thing))]);
            }
            'U' => self.name(vec![(path(), None)]),
            'R' | 'L' => {
                let (both, thing) = (path(), self.by_inode[&each.inode]);
                let (old, new) = both.split_at(place);
                let mut changes = vec![(new.to_owned(), Some(thing))];
                changes.extend((each.kind == 'R').then(|| (old.to_owned(), None)));
                self.name(changes);
            }
            'W' => self.change(each.inode, Change::Bytes(place, each.bytes.clone())),
            'T' => self.change(each.inode, Change::Size(place)),
            'S' => match &mut self.things[self.by_inode[&each.inode]] {
                Thing::File { kept, pending } => pending.drain(..).for_each(|change| apply(kept, &change)),
                Thing::Folder { kept, pending } => pending.drain(..).for_each(|naming| rename(kept, &naming)),
            },
            other => panic!("nobody knows what {other:?} is"),
        }
    }

    /// Names that change at once: those of one folder, or it would have to be known what a file system does.
    fn name(&mut self, changes: Vec<(String, Option<usize>)>) {
        let mut naming = Naming::new();
        let mut folders = Vec::new();
        for (path, thing) in changes {
            let (folder, name) = path.rsplit_once('/').expect("a whole path");
            folders.push(self.by_path[folder]);
            naming.push((name.to_owned(), thing));
            match thing {
                Some(thing) => self.by_path.insert(path, thing),
                None => self.by_path.remove(&path),
            };
        }
        folders.dedup();
        assert_eq!(folders.len(), 1, "{naming:?} is of two folders");
        let Thing::Folder { pending, .. } = &mut self.things[folders[0]] else { panic!("a file has no names") };
        pending.push(naming);
    }

    fn change(&mut self, inode: u64, change: Change) {
        let Thing::File { pending, .. } = &mut self.things[self.by_inode[&inode]] else { panic!("a folder") };
        pending.push(change);
    }

    /// What is there when the power comes back, in another folder. `fate`: of everything; else the dice say it for each file.
    pub fn after_a_cut(&self, into: &Path, dice: &mut Dice, fate: Option<Fate>) {
        self.leave(0, into, dice, fate);
    }

    fn leave(&self, thing: usize, into: &Path, dice: &mut Dice, fate: Option<Fate>) {
        let drawn = fate.unwrap_or_else(|| *dice.one(&FATES).expect("some"));
        match &self.things[thing] {
            Thing::File { kept, pending } => fs::write(into, left_of(kept, pending, drawn, dice)).expect("written"),
            Thing::Folder { kept, pending } => {
                let (mut names, many) = (kept.clone(), dice.below(pending.len() + 1));
                for (at, naming) in pending.iter().enumerate() {
                    let is_there = match drawn {
                        Fate::Nothing => false,
                        Fate::Everything => true,
                        Fate::Earlier => at < many,
                        Fate::Any | Fate::Torn => dice.once_in(2),
                    };
                    if is_there {
                        rename(&mut names, naming);
                    }
                }
                if thing > 0 {
                    fs::create_dir(into).expect("a folder");
                }
                // Memory that processes share is no file, although it has a name.
                for (name, inside) in names.iter().filter(|(name, _)| !name.ends_with("-shm")) {
                    self.leave(*inside, &into.join(name), dice, fate);
                }
            }
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    for (name, thing) in naming {
        match thing {
            Some(thing) => names.insert(name.clone(), *thing),
            None => names.remove(name),
        };
    }
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Size(size) => file.resize(*size, 0),
        Change::Bytes(at, bytes) => {
            file.resize(file.len().max(at + bytes.len()), 0);
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
}

fn left_of(kept: &[u8], pending: &[Change], fate: Fate, dice: &mut Dice) -> Vec<u8> {
    let (mut file, mut full, many) = (kept.to_vec(), kept.len(), dice.below(pending.len() + 1));
    for (at, change) in pending.iter().enumerate() {
        match fate {
            Fate::Everything => apply(&mut file, change),
            Fate::Earlier if at < many => apply(&mut file, change),
            // The last of them is cut in the middle.
            Fate::Earlier if at == many => tear(&mut file, change, dice),
            Fate::Any if dice.once_in(2) => apply(&mut file, change),
            Fate::Torn => tear(&mut file, change, dice),
            Fate::Nothing | Fate::Earlier | Fate::Any => {}
        }
        full = match change {
            Change::Size(size) => *size,
            Change::Bytes(at, bytes) => full.max(at + bytes.len()),
        };
    }
    // File systems know a file's new size before its bytes are there.
    if fate != Fate::Nothing && full > file.len() && dice.once_in(2) {
        file.resize(full, 0);
    }
    file
}

/// Some of its sectors.
fn tear(file: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    let Change::Bytes(at, bytes) = change else { return apply(file, change) };
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
        if dice.once_in(2) {
            apply(file, &Change::Bytes(at + from, bytes[from..to].to_vec()));
        }
        from = to;
    }
}
