//! Whether a new password is good enough: its rules, and the operator's list of breached ones.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::Fault;
use crate::app::App;
use crate::policy::password_rules::{PasswordRefusal, check, sha1_line};
use crate::secret::text::SecretText;

/// Why a new password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// By the rules.
    #[error(transparent)]
    Rule(#[from] PasswordRefusal),
    /// It is on the list.
    #[error("this password is known from a data breach: please choose another")]
    Breached,
}

/// Checks a new password against the rules, words it may not lean on, and the list of breached ones. Slow: off the workers.
pub(super) async fn judge(app: &App, password: &SecretText, context: Vec<String>) -> Result<Option<Weak>, Fault> {
    let (password, list) = (password.clone(), app.settings.breached_passwords.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = context.iter().map(String::as_str).collect();
        if let Err(refusal) = check(password.expose(), &words) {
            return Ok(Some(Weak::Rule(refusal)));
        }
        match list {
            Some(list) if is_listed(&list, &sha1_line(password.expose()))? => Ok(Some(Weak::Breached)),
            Some(_) | None => Ok(None),
        }
    });
    match judged.await {
        Ok(Ok(weak)) => Ok(weak),
        Ok(Err(error)) => Err(Fault::List(error)),
        Err(_) => Err(Fault::Busy),
    }
}

/// Binary search in a file of lines `SHA1[:count]`, upper-case and sorted.
fn is_listed(list: &Path, sum: &str) -> std::io::Result<bool> {
    let mut file = BufReader::new(File::open(list)?);
    let (mut low, mut high) = (0, file.get_ref().metadata()?.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let (start, line) = line_at(&mut file, middle)?;
        match line.get(..40).unwrap_or(&line).cmp(sum) {
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => low = start + line.len() as u64 + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    Ok(false)
}

/// The line that covers a byte, without its end, and where it starts.
fn line_at(file: &mut BufReader<File>, at: u64) -> std::io::Result<(u64, String)> {
    let window = at.saturating_sub(128);
    file.seek(SeekFrom::Start(window))?;
    let mut before = vec![0; usize::try_from(at - window).unwrap_or(0)];
    file.read_exact(&mut before)?;
    let newline = before.iter().rposition(|byte| *byte == b'\n');
    let start = newline.map_or(window, |index| window + index as u64 + 1);
    file.seek(SeekFrom::Start(start))?;
    let mut line = String::new();
    file.read_line(&mut line)?;
    Ok((start, line.trim_end_matches('\n').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pwd_02_every_line_of_a_list_is_found_and_nothing_else() {
        let mut sums: Vec<String> = (0..500).map(|n| sha1_line(&format!("password {n}"))).collect();
        sums.sort();
        for ending in ["\n", ":17\r\n", ":123456\n"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), sums.join(ending) + ending).unwrap();
            for sum in &sums {
                assert!(is_listed(file.path(), sum).unwrap(), "{sum}");
            }
            for n in 500..600 {
                assert!(!is_listed(file.path(), &sha1_line(&format!("password {n}"))).unwrap());
            }
        }
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_listed(empty.path(), &sums[0]).unwrap());
    }
}
