//! What was acknowledged is there after a power cut, and what was taken back is not: read off the file, many times; and as
//! people meet it, at a server that is started on the file. Both only tell what they find.

use std::fs;
use std::path::Path;

use reqwest::StatusCode;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::people::{Person, Stand, Standing, Sure};
use super::watched::Moment;
use crate::support::PASSWORD;
use crate::support::direct::together;
use crate::support::program::{Bank, Folder, Program};

/// What was entered by commands: when its command had ended, the table, the column and the name.
pub type Entered = (Moment, &'static str, &'static str, String);

/// What a cut at a moment is judged by.
pub struct Story<'a> {
    /// Where it happened: for the keys, which no cut may change once a command has made them.
    pub root: &'a Path,
    /// What commands entered.
    pub entered: &'a [Entered],
    /// What people did.
    pub people: &'a [Person],
    /// The bank's secrets.
    pub bank: &'a Bank,
}

impl Story<'_> {
    /// What is wrong with the files of a folder.
    pub async fn read(&self, folder: &Path, moment: Moment) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.entered.iter().all(|(told, ..)| *told > moment) {
            return wrong;
        }
        for name in ["secret_key", "data_key", "pepper"] {
            let key = |root: &Path| fs::read(root.join("rescind-keys").join(name)).ok();
            if key(folder) != key(self.root) {
                wrong.push(format!("the key {name} is not what it was"));
            }
        }
        match self.rows(&folder.join("rescind-data/rescind.db"), moment).await {
            Ok(found) => wrong.extend(found),
            Err(error) => wrong.push(format!("the database can't be read: {error}")),
        }
        wrong
    }

    async fn rows(&self, file: &Path, moment: Moment) -> Result<Vec<String>, sqlx::Error> {
        let mut conn = SqliteConnectOptions::new().filename(file).connect().await?;
        let mut wrong: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut conn).await?;
        wrong.retain(|line| line != "ok");
        let strays = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut conn).await?.len();
        if strays > 0 {
            wrong.push(format!("{strays} rows refer to nothing"));
        }
        for (_, table, column, name) in self.entered.iter().filter(|(told, ..)| *told <= moment) {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} = $1");
            if count(&mut conn, sql, &[name]).await? != 1 {
                wrong.push(format!("{name} is not in {table}"));
            }
        }
        for person in self.people {
            let (standing, who) = (person.at(moment), &person.customer);
            for (action, least) in standing.rows {
                let sql = "SELECT COUNT(*) FROM audit WHERE customer_id = $1 AND action = $2 AND outcome <> 'refused'";
                let there = count(&mut conn, sql.to_owned(), &[who, action]).await?;
                if there < least {
                    wrong.push(format!("{who}: {there} audit rows `{action}` where {least} were acknowledged"));
                }
            }
            for incident in standing.incidents {
                let sql = "SELECT COUNT(*) FROM incidents WHERE incident_id = $1 AND customer_id = $2";
                if count(&mut conn, sql.to_owned(), &[&incident, who]).await? != 1 {
                    wrong.push(format!("{who}: the incident {incident} is not there"));
                }
            }
        }
        conn.close().await?;
        Ok(wrong)
    }

    /// What is wrong as people meet it.
    pub async fn meet(&self, folder: &Folder, moment: Moment) -> Vec<String> {
        let server = folder.serve().await;
        let met = self.people.iter().map(|person| {
            let server = &server;
            async move {
                let bank = Bank { customer: person.customer.clone(), ..self.bank.clone() };
                let found = Visit { server, bank, wrong: Vec::new() }.make(person.at(moment)).await;
                found.into_iter().map(|what| format!("{}: {what}", person.customer)).collect::<Vec<_>>()
            }
        });
        together(met).await.into_iter().flatten().collect()
    }
}

async fn count(conn: &mut SqliteConnection, sql: String, values: &[&str]) -> Result<i64, sqlx::Error> {
    let query = sqlx::query_scalar(AssertSqlSafe(sql));
    values.iter().fold(query, |query, value| query.bind(*value)).fetch_one(conn).await
}

/// Looks at one customer.
struct Visit<'a> {
    server: &'a Program,
    bank: Bank,
    wrong: Vec<String>,
}

impl Visit<'_> {
    async fn make(mut self, standing: Standing) -> Vec<String> {
        for (number, session) in standing.sessions.iter().enumerate() {
            self.look_at(number, session).await;
        }
        match standing.locked {
            None => {
                let seen = self.server.code(&self.bank.customer, PASSWORD).await;
                if seen.answer("code").is_none() {
                    self.wrong.push(format!("cannot sign in: {} {}", seen.status, seen.body));
                }
            }
            Some((incident, Sure::Yes)) => {
                let seen = self.server.code(&self.bank.customer, PASSWORD).await;
                if seen.status != StatusCode::FORBIDDEN {
                    self.wrong.push(format!("was locked, and may sign in: {}", seen.status));
                }
                let again = self.server.lock(&self.bank).await;
                if again.json()["incident_id"] != incident.as_str() {
                    self.wrong.push(format!("the incident {incident} is not the one in force: {}", again.body));
                }
            }
            Some((_, Sure::Unsure | Sure::No)) => {}
        }
        self.wrong
    }

    async fn look_at(&mut self, number: usize, session: &Stand) {
        for (at, (token, good)) in session.access.iter().enumerate() {
            let good = match (session.live, good) {
                (Sure::No, _) | (_, Sure::No) => false,
                (Sure::Yes, Sure::Yes) => true,
                (Sure::Unsure, _) | (_, Sure::Unsure) => continue,
            };
            let form = [("token", token.as_str())];
            let auth = Some(("accounts-api", self.bank.api.as_str()));
            let seen = self.server.post("/oauth/introspect", auth, &form).await;
            if seen.status != StatusCode::OK {
                self.wrong.push(format!("a check says {}: {}", seen.status, seen.body));
            } else if seen.body.starts_with("{\"active\":true") != good {
                let what = if good { "a good token is dead" } else { "what was taken back is active again" };
                self.wrong.push(format!("{what}: access token {at} of session {number}"));
            }
        }
        let good = match (session.live, session.refresh.1) {
            (Sure::No, _) => false,
            (Sure::Yes, Sure::Yes) => true,
            (Sure::Unsure | Sure::Yes, _) => return,
        };
        let seen = self.server.refresh(&session.refresh.0).await;
        if (seen.status == StatusCode::OK) != good {
            let what = if good { "cannot be refreshed" } else { "was ended and can be refreshed" };
            self.wrong.push(format!("session {number} {what}: {} {}", seen.status, seen.body));
        }
    }
}
