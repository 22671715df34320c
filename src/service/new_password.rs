//! Whether a new password is taken: the rules of policy, then the operator's list of breached passwords. A list that can't
//! be read is a fault, never a yes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use tokio::task::spawn_blocking;

use super::Fault;
use crate::app::App;
use crate::policy::password_rules::{PasswordRefusal, check as by_rules, sha1_line};
use crate::secret::text::SecretText;

/// Checks a new password. `context`: what is known of the person and the place.
pub async fn check(app: &App, password: &SecretText, context: &[&str]) -> Result<Result<(), PasswordRefusal>, Fault> {
    if let Err(refusal) = by_rules(password.expose(), context) {
        return Ok(Err(refusal));
    }
    let Some(list) = app.settings.breached_passwords.clone() else { return Ok(Ok(())) };
    let sum = sha1_line(password.expose());
    let searched = spawn_blocking(move || contains(&list, &sum)).await;
    let found = searched.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(Fault::Breached)?;
    Ok(if found { Err(PasswordRefusal::Breached) } else { Ok(()) })
}

/// Whether a sorted list has a line that begins with the sum, by halving: some forty short reads in the largest lists.
/// What follows the sum on a line, such as `:17`, is not looked at.
fn contains(list: &Path, sum: &str) -> io::Result<bool> {
    let mut file = BufReader::with_capacity(256, File::open(list)?);
    // The line looked for, if it is there, begins at `low` or later and before `high`.
    let (mut low, mut high) = (0, file.get_ref().metadata()?.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = line_start(&mut file, middle)?;
        let mut line = Vec::new();
        let length = file.read_until(b'\n', &mut line)?;
        let found = line.get(..sum.len()).unwrap_or(&line).to_ascii_uppercase();
        if start >= high || found.as_slice() > sum.as_bytes() {
            high = middle;
        } else if found == sum.as_bytes() {
            return Ok(true);
        } else {
            low = start + u64::try_from(length).unwrap_or(u64::MAX);
        }
    }
    Ok(false)
}

/// The first place at or after `from` where a line begins; the file is left there.
fn line_start(file: &mut BufReader<File>, from: u64) -> io::Result<u64> {
    let Some(before) = from.checked_sub(1) else { return file.seek(SeekFrom::Start(0)) };
    file.seek(SeekFrom::Start(before))?;
    file.read_until(b'\n', &mut Vec::new())?;
    file.stream_position()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(count: usize) -> Vec<String> {
        let mut sums: Vec<String> = (0..count).map(|n| sha1_line(&n.to_string())).collect();
        sums.sort();
        sums
    }

    #[test]
    fn pwd_02_every_line_of_a_list_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        for count in [0, 1, 2, 3, 50] {
            let sums = sums(count);
            let counted: Vec<String> = sums.iter().enumerate().map(|(n, sum)| format!("{sum}:{}", n * n)).collect();
            let spelt = [sums.join("\n"), sums.join("\n") + "\n", sums.join("\r\n"), counted.join("\r\n")];
            for text in spelt.iter().chain(&[sums.join("\n").to_lowercase()]) {
                std::fs::write(&path, text).unwrap();
                assert!(sums.iter().all(|sum| contains(&path, sum).unwrap()), "{text}");
                for n in 1000..1050 {
                    assert!(!contains(&path, &sha1_line(&n.to_string())).unwrap(), "{text}");
                }
                assert!(!contains(&path, &"0".repeat(40)).unwrap() && !contains(&path, &"F".repeat(40)).unwrap());
            }
        }
        assert!(contains(&folder.path().join("gone"), &sha1_line("x")).is_err());
    }
}
