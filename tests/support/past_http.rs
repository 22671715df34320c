//! Straight at the database and the services, past HTTP: for states no request can bring about. And the audit trail, read
//! over HTTP.

use rescind::model::epoch::Level;
use rescind::model::feed::Item;
use rescind::model::ids::{ClientId, CustomerId};
use rescind::model::incident::{Reason, Receipt};
use rescind::service::customer::Entered;
use rescind::service::lockdown::{self, Why};
use rescind::service::taking_back::Taken;
use rescind::service::{client, customer};
use rescind::store::engine::{Column, Param};
use serde_json::Value;

use super::{TestServer, setup_actor};

impl TestServer {
    /// Runs a statement in a transaction of its own.
    pub async fn db_run(&self, sql: &'static str, params: &[&dyn Param]) -> u64 {
        let mut tx = self.app.db.begin().await.expect("begin");
        let touched = tx.execute(sql, params).await.expect(sql);
        tx.commit().await.expect("commit");
        touched
    }

    /// The first column of the first row.
    pub async fn db_value<T: Column>(&self, sql: &'static str, params: &[&dyn Param]) -> Option<T> {
        self.app.db.read().await.expect("read").value(sql, params).await.expect(sql)
    }

    /// The number a statement gives.
    pub async fn db_count(&self, sql: &'static str) -> i64 {
        self.db_value(sql, &[]).await.expect("a number")
    }

    /// From now on no audit row can be written.
    pub async fn db_refuse_audit(&self) {
        self.db_run("ALTER TABLE audit RENAME TO audit_elsewhere", &[]).await;
    }

    /// From now on audit rows can be written again.
    pub async fn db_accept_audit(&self) {
        self.db_run("ALTER TABLE audit_elsewhere RENAME TO audit", &[]).await;
    }

    /// Restricts a customer without locking them.
    pub async fn db_level(&self, customer: &str, level: &str) {
        let sql = "UPDATE epochs SET level = $2 WHERE kind = 'subject' AND id = $1";
        let mut tx = self.app.db.begin().await.expect("begin");
        assert_eq!(tx.execute(sql, &[&customer, &level]).await.expect(sql), 1);
        let level = Level::from_name(level).expect("a level");
        tx.tell(Item::Level { subject: customer.to_owned(), level });
        let told = tx.commit_told().await.expect("commit");
        self.app.checks.node.confirm(told).await.expect("confirmed");
    }

    /// Another life of the data, as after a backup was restored: no copy of before counts.
    pub async fn db_new_incarnation(&self) {
        let node = &self.app.checks.node;
        let life = node.view().standing().life;
        let mut tx = self.app.db.begin().await.expect("begin");
        let name = format!("life {life}");
        rescind::store::facts::set(&mut tx, "incarnation", &name).await.expect("a fact");
        tx.commit().await.expect("commit");
        while self.app.settings.is_fast && (node.view().standing().life == life || !node.is_fresh_soon().await) {
            node.poke();
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Ends everything a client holds, as `rescind lockdown --client` does.
    pub async fn db_lock_client(&self, id: &str) -> Receipt {
        let id = ClientId::parse(id).expect("client id");
        receipt(lockdown::client(&self.app, &setup_actor(), &id, &why()).await)
    }

    /// Ends everything of everybody, as `rescind lockdown --everyone` does.
    pub async fn db_lock_everyone(&self) -> Receipt {
        receipt(lockdown::everyone(&self.app, &setup_actor(), &why()).await)
    }

    /// Disables a client, as `rescind client disable` does.
    pub async fn db_disable_client(&self, id: &str) -> Receipt {
        let id = ClientId::parse(id).expect("client id");
        receipt(client::disable(&self.app, &setup_actor(), &id, &why()).await.expect("store"))
    }

    /// Disables or enables a customer, as `rescind customer disable` does.
    pub async fn db_disable_customer(&self, id: &str, disabled: bool) {
        let id = CustomerId::parse(id).expect("customer id");
        let done = customer::set_disabled(&self.app, &setup_actor(), &id, disabled).await.expect("store");
        assert_eq!(done, Entered::Done);
    }

    /// All audit rows, oldest first, read page by page over HTTP as the operations desk.
    pub async fn trail(&self) -> Vec<Value> {
        let bearer = self.machine_token("ops-desk").await;
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.api("GET", &format!("/api/v1/audit?limit=200{cursor}"), &bearer, None).await.json();
            rows.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// The session an access token belongs to, as `accounts-api` is told.
    pub async fn sid(&self, access: &str) -> String {
        let seen = self.introspect("accounts-api", access).await;
        seen.json()["sid"].as_str().unwrap_or_else(|| panic!("not active: {}", seen.body)).to_owned()
    }
}

fn why() -> Why {
    Why::plain(Reason::parse("drill").expect("reason"))
}

fn receipt(taken: Taken) -> Receipt {
    match taken {
        Taken::Receipt(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}
