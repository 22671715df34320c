//! A Chromium of its own behind a chromedriver of its own, in a folder of its own. At most two at once. What was started
//! is ended when it is dropped, also after a panic, and the folder goes with it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::driver::Driver;
use super::sink::Sink;

/// Browsers that may run at once: the machine that runs all tests has two cores.
static SEATS: Semaphore = Semaphore::const_new(2);

/// The pipe matters: Chromium ends when chromedriver is gone, however it went. The proxy takes whatever is not loopback;
/// the rest keeps Chromium's own errands few.
const FLAGS: [&str; 17] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-pings",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-field-trial-config",
    "--disable-sync",
    "--disable-features=MediaRouter,NetworkTimeServiceQuerying,OptimizationGuideModelDownloading,OptimizationHints,Translate",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
];

/// A running Chromium.
pub struct Chromium {
    /// What drives it.
    pub driver: Driver,
    /// What it would have sent elsewhere.
    pub sink: Sink,
    program: Child,
    folder: tempfile::TempDir,
    _seat: SemaphorePermit<'static>,
}

impl Chromium {
    /// Waits until one may run.
    pub async fn seat() -> SemaphorePermit<'static> {
        SEATS.acquire().await.expect("a seat")
    }

    /// Waits until two may run. Taking one after the other, two tests could wait for each other for ever.
    pub async fn two_seats() -> [SemaphorePermit<'static>; 2] {
        let mut both = SEATS.acquire_many(2).await.expect("two seats");
        let one = both.split(1).expect("one of two");
        [one, both]
    }

    /// Starts one; `script`: whether pages may run any.
    pub async fn start(seat: SemaphorePermit<'static>, script: bool) -> Self {
        // A short name: the path of a socket in it may not be long.
        let folder = tempfile::Builder::new().prefix("cr-").tempdir().expect("a folder");
        let sink = Sink::open();
        let (mut program, port) = start_driver(folder.path());
        let driver = match Driver::open(port, capabilities(script, &sink)).await {
            Ok(driver) => driver,
            Err(error) => {
                end(&mut program, folder.path());
                panic!("Chromium did not start: {error}");
            }
        };
        Self { driver, sink, program, folder, _seat: seat }
    }

    /// The folder everything of it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn capabilities(script: bool, sink: &Sink) -> Value {
    let mut flags = FLAGS.map(str::to_owned).to_vec();
    flags.push(format!("--proxy-server=http://127.0.0.1:{}", sink.port));
    let block = "profile.managed_default_content_settings.javascript";
    let prefs = if script { json!({}) } else { json!({ block: 2 }) };
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": flags, "prefs": prefs },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

/// Starts chromedriver on a free port, and says which. All it and Chromium keep is kept in the folder.
fn start_driver(folder: &Path) -> (Child, u16) {
    let mut program = Command::new("chromedriver")
        .arg("--port=0")
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")])
        .envs(["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"].map(|name| (name, folder)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts (tests/run installs it)");
    let mut lines = BufReader::new(program.stdout.take().expect("its output")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("started successfully on port ")?;
        rest.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        end(&mut program, folder);
        panic!("chromedriver never said its port");
    };
    // Whoever stops reading may block whoever writes.
    std::thread::spawn(move || lines.for_each(drop));
    (program, port)
}

/// Ends chromedriver, and with it, through the pipe, Chromium; waits until nobody uses the folder.
fn end(program: &mut Child, folder: &Path) {
    let _ = program.kill();
    let _ = program.wait();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) && !processes_of(folder).is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes whose command line or working files name the folder.
pub fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let lines = entries.flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        let told = |what: &str| std::fs::read(entry.path().join(what)).unwrap_or_default();
        let text = String::from_utf8_lossy(&[told("cmdline"), told("environ")].concat()).replace('\0', " ");
        text.contains(&*name).then_some(text)
    });
    lines.collect()
}

impl Drop for Chromium {
    fn drop(&mut self) {
        end(&mut self.program, self.folder.path());
    }
}
