//! An answer as long as the server's, made anew for every request.

use serde::Serialize;

/// What is said of every token.
#[derive(Serialize)]
pub struct Claims {
    active: bool,
    scope: String,
    client_id: String,
    sub: String,
    aud: Vec<String>,
    iss: String,
    exp: u32,
    iat: u32,
    token_type: &'static str,
    auth_time: u32,
    sid: String,
    device_id: String,
}

impl Claims {
    /// Said of a token: its first characters stand for whose it is.
    pub fn of(token: &str) -> Self {
        Self {
            active: true,
            scope: "openid accounts:read".to_owned(),
            client_id: "bench-app".to_owned(),
            sub: format!("CUST_{}", token.get(..8).unwrap_or_default()),
            aud: vec!["https://api.bank.example/accounts".to_owned()],
            iss: "http://localhost:18000".to_owned(),
            exp: 1_800_000_600,
            iat: 1_800_000_000,
            token_type: "Bearer",
            auth_time: 1_800_000_000,
            sid: "01234567-89ab-7def-8123-456789abcdef".to_owned(),
            device_id: "01234567-89ab-7def-8123-456789abcdef".to_owned(),
        }
    }
}
