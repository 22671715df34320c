//! Clients and their secrets. Secrets are digests of 256 random bits; at most two live at once.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError, epochs, subjects};
use crate::clock::Timestamp;
use crate::model::client::{AuthMethod, Client, ClientType};
use crate::model::epoch::{EpochKind, Epochs};
use crate::model::feed::Item;
use crate::model::ids::ClientId;

/// A client with what proves it and the epochs read in the same statement: global, client, subject.
#[derive(Clone, Debug)]
pub struct KnownClient {
    /// The client.
    pub client: Client,
    /// SHA-256 of its live secrets.
    pub secrets: Vec<Vec<u8>>,
    /// Global, client and (its own) subject epoch.
    pub epochs: Epochs,
    /// The history of the database it was read from.
    pub timeline: String,
}

/// What a client is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "c.client_id, c.name, c.kind, c.auth_method, c.redirect_uris, c.scope, c.grants, c.resources, \
         c.origins, c.first_party, c.color, c.created_at, c.disabled_at"
    };
}

impl FromRow for Client {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.parse("client_id")?,
            name: row.get("name")?,
            kind: row.named("kind", ClientType::from_name)?,
            auth_method: row.named("auth_method", AuthMethod::from_name)?,
            redirect_uris: row.json("redirect_uris")?,
            scope: row.parse("scope")?,
            grants: row.json("grants")?,
            resources: row.json("resources")?,
            origins: row.json("origins")?,
            first_party: row.get("first_party")?,
            color: row.parse_optional("color")?,
            created_at: row.get("created_at")?,
            disabled_at: row.get("disabled_at")?,
        })
    }
}

/// One joined row of [`find_known`].
struct WithSecret {
    client: Client,
    digest: Option<Vec<u8>>,
    epochs: Epochs,
    timeline: String,
}

impl FromRow for WithSecret {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let epochs = Epochs {
            global: row.get("now_global")?,
            client: row.get("now_client")?,
            subject: row.get("now_subject")?,
            device: None,
            consent: None,
        };
        let (digest, timeline) = (row.get("digest")?, row.get("timeline")?);
        Ok(Self { client: Client::from_row(row)?, digest, epochs, timeline })
    }
}

/// Registers a client under its name; [`StoreError::Taken`] if anybody has it.
pub async fn insert(conn: &mut Conn, client: &Client) -> Result<(), StoreError> {
    let id = client.client_id.as_str();
    subjects::insert(conn, id, "client").await?;
    epochs::insert(conn, EpochKind::Client, id).await?;
    epochs::insert(conn, EpochKind::Subject, id).await?;
    let sql = "INSERT INTO clients (client_id, name, kind, auth_method, redirect_uris, scope, grants, resources,
                                    origins, first_party, color, created_at, disabled_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    conn.execute(
        sql,
        &[
            &id,
            &client.name,
            &client.kind.as_str(),
            &client.auth_method.as_str(),
            &json(&client.redirect_uris),
            &client.scope.to_string(),
            &json(&client.grants),
            &json(&client.resources),
            &json(&client.origins),
            &client.first_party,
            &client.color.map(|color| color.to_string()),
            &client.created_at,
            &client.disabled_at,
        ],
    )
    .await
    .map(|_| ())
}

/// A client by its id.
pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM clients c WHERE c.client_id = $1");
    conn.fetch_optional(sql, &[&id]).await
}

/// A client with its secrets and epochs, in one statement: what authenticates it and begins an authorize request.
pub async fn find_known(conn: &mut Conn, id: &str) -> Result<Option<KnownClient>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", s.digest, g.epoch AS now_global, e.epoch AS now_client, u.epoch AS now_subject,
                      (SELECT timeline FROM timelines) AS timeline
               FROM clients c
               JOIN epochs g ON g.kind = 'global' AND g.id = '*'
               JOIN epochs e ON e.kind = 'client' AND e.id = c.client_id
               JOIN epochs u ON u.kind = 'subject' AND u.id = c.client_id
               LEFT JOIN client_secrets s ON s.client_id = c.client_id
               WHERE c.client_id = $1"
    );
    let rows: Vec<WithSecret> = conn.fetch_all(sql, &[&id]).await?;
    let secrets = rows.iter().filter_map(|row| row.digest.clone()).collect();
    Ok(rows.into_iter().next().map(|WithSecret { client, epochs, timeline, .. }| KnownClient {
        client,
        secrets,
        epochs,
        timeline,
    }))
}

/// All clients by id.
pub async fn list(conn: &mut Conn) -> Result<Vec<Client>, StoreError> {
    conn.fetch_all(concat!("SELECT ", columns!(), " FROM clients c ORDER BY c.client_id"), &[]).await
}

/// Whether some enabled client registered a web origin (for CORS preflights, which name no client).
pub async fn any_has_origin(conn: &mut Conn, origin: &str) -> Result<bool, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM clients c WHERE c.origins <> '[]' AND c.disabled_at IS NULL");
    let listed: Vec<Client> = conn.fetch_all(sql, &[]).await?;
    Ok(listed.iter().any(|client| client.origins.iter().any(|known| known == origin)))
}

/// Adds a secret and drops all but the newest two, one after another for each client.
pub async fn add_secret(
    conn: &mut Conn,
    id: &ClientId,
    secret_id: Uuid,
    digest: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    // Takes the client's row lock: two that add at once would each miss the other's secret.
    conn.execute("UPDATE clients SET client_id = client_id WHERE client_id = $1", &[&id.as_str()]).await?;
    let insert = "INSERT INTO client_secrets (secret_id, client_id, digest, created_at) VALUES ($1, $2, $3, $4)";
    conn.execute(insert, &[&secret_id, &id.as_str(), &digest.to_vec(), &now]).await?;
    let drop_old = "DELETE FROM client_secrets WHERE client_id = $1 AND secret_id NOT IN
                    (SELECT secret_id FROM client_secrets WHERE client_id = $1 ORDER BY created_at DESC, secret_id DESC LIMIT 2)";
    conn.execute(drop_old, &[&id.as_str()]).await?;
    conn.tell(Item::Client { client: id.to_string() });
    Ok(())
}

/// Drops all but the newest secret; how many were dropped.
pub async fn end_old_secrets(conn: &mut Conn, id: &ClientId) -> Result<u64, StoreError> {
    let sql = "DELETE FROM client_secrets WHERE client_id = $1 AND secret_id NOT IN
               (SELECT secret_id FROM client_secrets WHERE client_id = $1 ORDER BY created_at DESC, secret_id DESC LIMIT 1)";
    let dropped = conn.execute(sql, &[&id.as_str()]).await?;
    conn.tell(Item::Client { client: id.to_string() });
    Ok(dropped)
}

/// Disables (with a time) or enables (without) a client; false if there is none.
pub async fn set_disabled(conn: &mut Conn, id: &ClientId, at: Option<Timestamp>) -> Result<bool, StoreError> {
    let sql = "UPDATE clients SET disabled_at = $2 WHERE client_id = $1";
    let done = conn.execute(sql, &[&id.as_str(), &at]).await? == 1;
    conn.tell_all(done.then(|| Item::Client { client: id.to_string() }));
    Ok(done)
}

/// Lists of plain texts as JSON; they always can be written.
pub(super) fn json<T: serde::Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}
