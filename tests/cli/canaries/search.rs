//! Looking for secrets in every form in which a careless program might have kept them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXUPPER};
use sha2::{Digest, Sha256};

use crate::support::browser::{Browser, Seen};

/// Every secret the walk has seen or typed.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Tokens, codes, cookies, anti-forgery tokens: made by us, kept nowhere, not even hashed.
    sealed: BTreeSet<String>,
    /// Passwords and verifiers: kept as argon2id, or only while they are looked at. The challenge is a verifier's hash.
    typed: BTreeSet<String>,
    /// Client secrets: kept as SHA-256.
    client: BTreeSet<String>,
}

impl Secrets {
    /// Remembers a sealed text.
    pub fn seal(&mut self, text: &str) {
        assert!(text.len() > 20, "not a sealed text: {text}");
        self.sealed.insert(text.to_owned());
    }

    /// Remembers a password or verifier.
    pub fn typed(&mut self, text: &str) {
        self.typed.insert(text.to_owned());
    }

    /// Remembers a client secret.
    pub fn client(&mut self, text: &str) {
        assert!(text.contains("_cs_"), "not a client secret: {text}");
        self.client.insert(text.to_owned());
    }

    /// Remembers the cookies of a browser and what an answer carried.
    pub fn browser(&mut self, browser: &Browser, seen: &Seen) {
        for value in browser.cookies.values() {
            self.seal(value);
        }
        if !seen.csrf().is_empty() {
            self.seal(&seen.csrf());
        }
        if let Some(code) = seen.answer("code") {
            self.seal(&code);
        }
    }

    /// Remembers the tokens of an answer.
    pub fn tokens(&mut self, seen: &Seen) {
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = seen.json()[name].as_str() {
                self.seal(token);
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sealed.len() + self.typed.len() + self.client.len()
    }

    /// Every form that must not be found, with its secret.
    fn forms(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for text in &self.sealed {
            all.extend(plain(text).into_iter().chain(hashed(text)).map(|form| (text.clone(), form)));
        }
        for text in self.typed.iter().chain(&self.client) {
            all.extend(plain(text).into_iter().map(|form| (text.clone(), form)));
        }
        all
    }

    /// All forms of the first secret of each kind.
    pub fn samples(&self) -> Vec<Vec<u8>> {
        let sealed = self.sealed.first().expect("one");
        let others = [self.typed.first().expect("one"), self.client.first().expect("one")];
        let of_others = others.into_iter().flat_map(|text| plain(text));
        plain(sealed).into_iter().chain(hashed(sealed)).chain(of_others).collect()
    }
}

/// As it is, in part, and encoded.
fn plain(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut forms = vec![bytes.to_vec(), HEXLOWER.encode(bytes).into_bytes(), HEXUPPER.encode(bytes).into_bytes()];
    // A text inside a longer one that was encoded (`id:secret`) lies at one of three offsets.
    for skipped in 0..3 {
        let part = &bytes[skipped..skipped + (bytes.len() - skipped) / 3 * 3];
        forms.push(STANDARD_NO_PAD.encode(part).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(part).into_bytes());
    }
    // A sealed text without its prefix, its front half, and the bytes it stands for.
    if let Some(body) = text.rsplit('_').next().filter(|body| body.len() > 40 && body.len() < text.len()) {
        forms.push(body.as_bytes().to_vec());
        forms.push(body.as_bytes()[..body.len() / 2].to_vec());
        forms.extend(BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).ok());
    }
    forms
}

/// Its SHA-256, as bytes and encoded.
fn hashed(text: &str) -> Vec<Vec<u8>> {
    let digest = Sha256::digest(text.as_bytes()).to_vec();
    let encoded = [
        HEXLOWER.encode(&digest),
        HEXUPPER.encode(&digest),
        STANDARD_NO_PAD.encode(&digest),
        URL_SAFE_NO_PAD.encode(&digest),
    ];
    encoded.map(String::into_bytes).into_iter().chain([digest]).collect()
}

/// The secrets found in a haystack in any form.
pub fn found(secrets: &Secrets, haystack: &[u8]) -> Vec<String> {
    let starts: std::collections::HashSet<&[u8]> = haystack.windows(8).collect();
    let mut hits = Vec::new();
    for (text, form) in secrets.forms() {
        let may_be = starts.contains(&form[..8]);
        if may_be && haystack.windows(form.len()).any(|part| part == form) {
            hits.push(format!("{text} as {}", String::from_utf8_lossy(&form)));
        }
    }
    hits
}
