use std::net::{IpAddr, Ipv6Addr};

use rescind::model::actor::{Actor, Who};
use rescind::model::audit::{Action, Entry, Outcome, Wanted};
use rescind::model::ids::StaffId;
use rescind::store::{Db, StoreError, audit};
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, in_one, uuid};

fn entry(customer: Option<&str>) -> Entry {
    Entry {
        audit_id: uuid(),
        at: at(0),
        actor: Actor {
            who: Who::Staff(StaffId::parse("amina").expect("a name")),
            address: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            agent: Some("Mozilla/5.0".to_owned()),
            request_id: "r-1".to_owned(),
        },
        action: Action::Lockdown,
        outcome: Outcome::Alarm,
        target: ("customer", "john".to_owned()),
        customer_id: customer.map(str::to_owned),
        reason: Some("stolen – \u{1F4F1}\nsecond line".to_owned()),
    }
}

async fn write(db: &Db, entry: &Entry) {
    in_one(db, async |c| audit::insert(c, entry).await).await.unwrap();
}

#[tokio::test]
async fn a_row_reads_back_as_written() {
    on_both_engines(async |db| {
        let full = entry(Some("john"));
        write(&db, &full).await;
        let rows = audit::list(&mut db.read().await.unwrap(), None, Uuid::nil(), 10).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.audit_id, row.at), (full.audit_id, full.at));
        assert_eq!((row.actor_kind.as_str(), row.actor_id.as_str()), ("staff", "amina"));
        assert_eq!((row.action.as_str(), row.outcome.as_str()), ("lockdown", "alarm"));
        assert_eq!((row.target_kind.as_str(), row.target_id.as_str()), ("customer", "john"));
        assert_eq!((row.customer_id.as_deref(), row.reason.clone()), (Some("john"), full.reason));
        assert_eq!((row.address.as_deref(), row.agent.as_deref()), (Some("::1"), Some("Mozilla/5.0")));
        assert_eq!(row.request_id, "r-1");

        let bare = Actor { who: Who::Anonymous, address: None, agent: None, request_id: String::new() };
        write(&db, &Entry { actor: bare, reason: None, ..entry(None) }).await;
        let rows = audit::list(&mut db.read().await.unwrap(), None, full.audit_id, 10).await.unwrap();
        assert_eq!(
            (rows[0].reason.as_deref(), rows[0].address.as_deref(), rows[0].agent.as_deref()),
            (None, None, None)
        );
    })
    .await;
}

#[tokio::test]
async fn pages_are_in_order_without_gaps_or_repeats_also_of_one_customer() {
    on_both_engines(async |db| {
        let mut of_john = Vec::new();
        let mut all = Vec::new();
        for n in 0..9 {
            let whose = [Some("john"), Some("jane"), None][n % 3];
            let entry = entry(whose);
            write(&db, &entry).await;
            all.push(entry.audit_id);
            if whose == Some("john") {
                of_john.push(entry.audit_id);
            }
        }
        for (customer, expected) in [(None, all), (Some("john"), of_john)] {
            let mut seen = vec![Uuid::nil()];
            loop {
                let page =
                    audit::list(&mut db.read().await.unwrap(), customer, *seen.last().unwrap(), 2).await.unwrap();
                if page.is_empty() {
                    break;
                }
                seen.extend(page.iter().map(|row| row.audit_id));
            }
            assert_eq!(seen[1..], expected, "of {customer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn rows_can_be_neither_changed_nor_taken_out() {
    on_both_engines(async |db| {
        write(&db, &entry(None)).await;
        let mut attacks =
            vec!["UPDATE audit SET reason = 'nothing happened'", "DELETE FROM audit", "DELETE FROM audit WHERE 1 = 1"];
        if !db.is_embedded() {
            attacks.extend(["TRUNCATE audit", "TRUNCATE audit CASCADE"]);
        }
        for attack in attacks {
            let done = in_one(&db, async |c| c.execute(attack, &[]).await).await;
            assert!(
                matches!(&done, Err(StoreError::Refused(why)) if why.contains("append-only")),
                "{attack}: {done:?}"
            );
        }
        let rows = audit::list(&mut db.read().await.unwrap(), None, Uuid::nil(), 10).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].reason.as_deref().is_some_and(|reason| reason.starts_with("stolen")));
    })
    .await;
}

#[tokio::test]
async fn an_id_is_used_once() {
    on_both_engines(async |db| {
        let first = entry(None);
        write(&db, &first).await;
        let again = in_one(&db, async |c| audit::insert(c, &first).await).await;
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn the_program_that_did_something_last_is_found() {
    on_both_engines(async |db| {
        let find = async |customer, target| {
            audit::last_agent(&mut db.read().await.unwrap(), customer, Action::Lockdown, target).await.unwrap()
        };
        assert_eq!(find("john", "john").await, None);
        let first = entry(Some("john"));
        write(&db, &first).await;
        assert_eq!(find("john", "john").await.as_deref(), Some("Mozilla/5.0"));
        let nameless = Actor { agent: None, ..first.actor.clone() };
        write(&db, &Entry { audit_id: Uuid::max(), actor: nameless, ..entry(Some("john")) }).await;
        assert_eq!(find("john", "john").await.as_deref(), Some(""), "the newest row, without a program");
        assert_eq!(find("jane", "john").await, None);
        assert_eq!(find("john", "other").await, None);
    })
    .await;
}

#[tokio::test]
async fn the_last_program_that_did_something_to_a_target_is_told() {
    on_both_engines(async |db| {
        let by = |program: Option<&str>| {
            let first = entry(Some("john"));
            Entry { actor: Actor { agent: program.map(str::to_owned), ..first.actor.clone() }, ..first }
        };
        let last = async || {
            let mut conn = db.read().await.unwrap();
            audit::last_agent(&mut conn, "john", Action::Lockdown, "john").await.unwrap()
        };
        assert_eq!(last().await, None);
        write(&db, &by(Some("first/1.0"))).await;
        write(&db, &Entry { action: Action::Unlock, ..by(Some("other/1.0")) }).await;
        write(&db, &Entry { target: ("customer", "jane".to_owned()), ..by(Some("other/1.0")) }).await;
        assert_eq!(last().await.as_deref(), Some("first/1.0"));
        write(&db, &by(None)).await;
        assert_eq!(last().await.as_deref(), Some(""));
    })
    .await;
}

#[tokio::test]
async fn events_are_newest_first_between_two_ids_and_leave_out_routine() {
    on_both_engines(async |db| {
        let of = |action: Action| Entry { action, outcome: Outcome::Done, ..entry(Some("john")) };
        let quiet =
            [Action::Refresh, Action::RefreshRetry, Action::CodeIssue, Action::CustomerRead, Action::IncidentRead];
        let told = [of(Action::SignIn), of(Action::RefreshReuse), of(Action::SignOut)];
        for one in told.iter().chain(&quiet.map(of)).chain([&entry(Some("jane")), &entry(None)]) {
            write(&db, one).await;
        }
        write(&db, &Entry { action: Action::Refresh, ..entry(Some("john")) }).await;
        let mut conn = db.read().await.unwrap();
        let mut events = async |after: Uuid, before: Uuid, limit: i64| -> Vec<String> {
            let rows = audit::list_events(&mut conn, "john", (after, before), limit).await.unwrap();
            rows.into_iter().map(|row| row.action).collect()
        };
        let (all, end) = (Uuid::nil(), Uuid::max());
        assert_eq!(
            events(all, end, 9).await,
            ["refresh", "sign_out", "refresh_reuse", "sign_in"],
            "an alarm is no routine"
        );
        assert_eq!(events(all, end, 1).await, ["refresh"]);
        assert_eq!(events(told[0].audit_id, end, 9).await, ["refresh", "sign_out", "refresh_reuse"], "after");
        assert_eq!(events(all, told[1].audit_id, 9).await, ["sign_in"], "before");
    })
    .await;
}

#[tokio::test]
async fn alarms_and_who_looked_are_found_newest_first() {
    on_both_engines(async |db| {
        let of = |action: Action| Entry { action, ..entry(Some("john")) };
        let all = [
            of(Action::RefreshReuse),
            of(Action::CustomerRead),
            of(Action::GenerationAhead),
            of(Action::CodeReplay),
            Entry { outcome: Outcome::Done, ..of(Action::SignIn) },
            of(Action::CustomerRead),
            Entry { action: Action::RefreshReuse, ..entry(Some("jane")) },
        ];
        for one in &all {
            write(&db, one).await;
        }
        let mut conn = db.read().await.unwrap();
        let mut alarms = async |after: Uuid, limit: i64| -> Vec<Uuid> {
            let rows = audit::list_alarms(&mut conn, "john", after, limit).await.unwrap();
            rows.into_iter().map(|row| row.audit_id).collect()
        };
        let [first, .., last] = [all[0].audit_id, all[2].audit_id, all[3].audit_id];
        assert_eq!(alarms(Uuid::nil(), 9).await, [last, all[2].audit_id, first], "no look, nothing that was done");
        assert_eq!(alarms(first, 1).await, [last]);
        let looks = audit::list_looks(&mut conn, "john", 9).await.unwrap();
        assert_eq!(looks.iter().map(|row| row.audit_id).collect::<Vec<_>>(), [all[5].audit_id, all[1].audit_id]);
        assert_eq!(audit::list_looks(&mut conn, "john", 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_newest_rows_come_first_of_one_customer_or_one_action_if_asked() {
    on_both_engines(async |db| {
        let mut ids = Vec::new();
        for n in 0..8 {
            let action = if n < 4 { Action::Lockdown } else { Action::Unlock };
            let one = Entry { action, ..entry([Some("john"), Some("jane")][n % 2]) };
            write(&db, &one).await;
            ids.push(one.audit_id);
        }
        let list = async |customer, action, before, limit| {
            let wanted = Wanted { customer, action };
            let rows = audit::list_newest(&mut db.read().await.unwrap(), wanted, before, limit).await.unwrap();
            rows.iter().map(|row| ids.iter().position(|id| *id == row.audit_id).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(list(None, None, Uuid::max(), 3).await, [7, 6, 5]);
        assert_eq!(list(None, None, ids[5], 9).await, [4, 3, 2, 1, 0]);
        assert_eq!(list(Some("john"), None, ids[6], 9).await, [4, 2, 0]);
        assert_eq!(list(None, Some("lockdown"), Uuid::max(), 9).await, [3, 2, 1, 0]);
        assert_eq!(list(Some("jane"), Some("unlock"), Uuid::max(), 9).await, [7, 5]);
        assert!(list(Some("nobody"), None, Uuid::max(), 9).await.is_empty());
    })
    .await;
}
