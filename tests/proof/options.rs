//! What a run is told on its command line.

use std::path::PathBuf;

/// How to use it.
pub const USAGE: &str =
    "proof [--minutes N | --seconds N] [--seed S] [--report FILE] [--append FILE] [--bugs none|three|all|NAME]
      [--bug-seconds N] [--only FAULT] [--cluster] [--longest SECONDS] [--per-second N] [--keep FOLDER]\n      proof --judge FILE";

/// All options.
#[derive(Debug)]
pub struct Options {
    /// How long things are broken, in seconds.
    pub seconds: u64,
    /// What is drawn follows from it.
    pub seed: u64,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// The report that what became of seeded bugs is added to.
    pub append: Option<PathBuf>,
    /// A run that was kept, to be judged again.
    pub judge: Option<PathBuf>,
    /// Which seeded bugs are tried: `none`, `three`, `all`, or one by name.
    pub bugs: String,
    /// How long each of them has to be found, in seconds.
    pub bug_seconds: u64,
    /// The one fault that is drawn.
    pub only: Option<String>,
    /// Redis as a cluster.
    pub is_cluster: bool,
    /// The longest that anything is left broken, in seconds.
    pub longest: u64,
    /// What clients do in a second.
    pub per_second: u32,
    /// Where the history of a run goes in which something was wrong.
    pub keep: PathBuf,
}

impl Options {
    /// Reads them; what is wrong with them.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seconds: 60,
            seed: 1,
            report: None,
            append: None,
            judge: None,
            bugs: "none".to_owned(),
            bug_seconds: 40,
            only: None,
            is_cluster: false,
            longest: 4,
            per_second: 300,
            keep: PathBuf::from("target"),
        };
        let mut arguments = arguments.peekable();
        while let Some(name) = arguments.next() {
            if name == "--cluster" {
                options.is_cluster = true;
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} of what?"))?;
            options.set(&name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: not a number"));
        match name {
            "--minutes" => self.seconds = number()? * 60,
            "--seconds" => self.seconds = number()?,
            "--seed" => self.seed = number()?,
            "--bug-seconds" => self.bug_seconds = number()?,
            "--longest" => self.longest = number()?,
            "--per-second" => self.per_second = u32::try_from(number()?).unwrap_or(u32::MAX),
            "--report" => self.report = Some(PathBuf::from(value)),
            "--append" => self.append = Some(PathBuf::from(value)),
            "--judge" => self.judge = Some(PathBuf::from(value)),
            "--keep" => self.keep = PathBuf::from(value),
            "--bugs" => self.bugs = value,
            "--only" => self.only = Some(value),
            _ => return Err(format!("{name} is no option")),
        }
        Ok(())
    }
}
