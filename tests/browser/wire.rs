//! What went over the wire, read from Chromium's own log: who was asked, what came back, how many bytes.

use std::collections::BTreeMap;

use serde_json::Value;

/// A page that came.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its status.
    pub status: u64,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Document {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Everything since the log was last read.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// Addresses asked for, redirects included.
    pub asked: Vec<String>,
    /// Pages that came.
    pub documents: Vec<Document>,
    /// Bytes that came for the last page, with everything it needed and headers.
    pub bytes: u64,
}

impl Wire {
    /// Takes in one line of the performance log.
    pub fn take(&mut self, line: &str) {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let (method, params) = (&line["message"]["method"], &line["message"]["params"]);
        match method.as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                self.asked.push(text(&params["request"]["url"]));
                let is_new_page = params["type"] == "Document" && params["redirectResponse"].is_null();
                self.bytes = if is_new_page { 0 } else { self.bytes };
            }
            "Network.responseReceived" if params["type"] == "Document" => self.documents.push(document(params)),
            "Network.loadingFinished" => {
                // Chromium writes whole numbers as floating ones here and there.
                self.bytes +=
                    params["encodedDataLength"].to_string().split('.').next().unwrap().parse::<u64>().unwrap();
            }
            _ => {}
        }
    }

    /// Addresses that are not ours, port included; `base`: what ours begin with.
    pub fn strangers(&self, base: &str) -> Vec<String> {
        let foreign = |url: &&String| !url.starts_with(&format!("{base}/")) && !url.starts_with("data:");
        self.asked.iter().filter(foreign).cloned().collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn document(params: &Value) -> Document {
    let response = &params["response"];
    let headers = response["headers"].as_object().cloned().unwrap_or_default();
    Document {
        status: response["status"].as_u64().unwrap_or_default(),
        headers: headers.iter().map(|(name, value)| (name.to_lowercase(), text(value))).collect(),
    }
}
