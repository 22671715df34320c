use rescind::model::epoch::EpochKind;
use rescind::model::ids::StaffId;
use rescind::model::staff::{Role, StaffSession};
use rescind::store::staff_sessions::{self, Keep, StaffRecord};
use rescind::store::{Db, epochs, staff};
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{HOUR, at, in_one, uuid};
use super::staff::amina;

/// A session that began so many milliseconds after the fixed instant, and was seen then.
fn session(username: &str, ms: i64) -> StaffSession {
    StaffSession {
        staff_session_id: uuid(),
        username: StaffId::parse(username).expect("a user name"),
        browser_id: uuid(),
        epoch: 1,
        signed_in_at: at(ms),
        last_seen_at: at(ms),
        expires_at: at(ms + HOUR),
        ended_at: None,
    }
}

async fn entered(db: &Db, username: &str) {
    in_one(db, async |c| staff::insert(c, &amina(username), "hash").await).await.expect("a member of staff");
}

async fn stored(db: &Db, session: StaffSession) -> StaffSession {
    in_one(db, async |c| staff_sessions::insert(c, &session).await).await.expect("a session");
    session
}

async fn find(db: &Db, id: Uuid) -> Option<StaffRecord> {
    staff_sessions::find_record(&mut db.read().await.unwrap(), id).await.unwrap()
}

#[tokio::test]
async fn a_session_reads_back_with_role_and_epoch_of_now() {
    on_both_engines(async |db| {
        entered(&db, "amina").await;
        let session = stored(&db, session("amina", 0)).await;
        let id = session.staff_session_id;
        let record = StaffRecord { session, role: Role::Agent, disabled_at: None, now_epoch: 1 };
        assert_eq!(find(&db, id).await, Some(record.clone()));

        let name = amina("amina").username;
        in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "amina").await).await.unwrap();
        in_one(&db, async |c| staff::disable(c, &name, at(7)).await).await.unwrap();
        assert_eq!(find(&db, id).await, Some(StaffRecord { disabled_at: Some(at(7)), now_epoch: 2, ..record }));
        assert_eq!(find(&db, uuid()).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_reads_password_epoch_and_whether_the_browser_is_known() {
    on_both_engines(async |db| {
        for name in ["amina", "baraka"] {
            entered(&db, name).await;
        }
        let known = stored(&db, session("amina", 0)).await.browser_id;
        let read = async |name: &str, browser| {
            staff_sessions::find_for_sign_in(&mut db.read().await.unwrap(), name, browser).await.unwrap()
        };
        let found = read("amina", Some(known)).await.unwrap();
        assert_eq!((found.staff, found.password_hash.as_str(), found.epoch), (amina("amina"), "hash", 1));
        assert!(found.knows_browser);
        assert!(!read("amina", None).await.unwrap().knows_browser);
        assert!(!read("amina", Some(uuid())).await.unwrap().knows_browser);
        assert!(!read("baraka", Some(known)).await.unwrap().knows_browser, "a browser is known per person");
        assert!(read("nobody", Some(known)).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_once_and_keeps_the_first_time() {
    on_both_engines(async |db| {
        entered(&db, "amina").await;
        let id = stored(&db, session("amina", 0)).await.staff_session_id;
        let end =
            async |id, ms| in_one(&db, async |c| staff_sessions::end(c, id, "signed_out", at(ms)).await).await.unwrap();
        assert!(end(id, 1).await);
        assert!(!end(id, 2).await);
        assert!(!end(uuid(), 1).await);
        assert_eq!(find(&db, id).await.unwrap().session.ended_at, Some(at(1)));
    })
    .await;
}

#[tokio::test]
async fn ses_02_all_but_the_newest_living_sessions_of_one_person_end() {
    on_both_engines(async |db| {
        for name in ["amina", "baraka"] {
            entered(&db, name).await;
        }
        let (oldest, unseen) = (session("amina", 100), StaffSession { last_seen_at: at(0), ..session("amina", 900) });
        let expired = StaffSession { expires_at: at(500), ..session("amina", 800) };
        let ended = StaffSession { ended_at: None, ..session("amina", 950) };
        let (middle, newest, other) = (session("amina", 200), session("amina", 300), session("baraka", 1));
        for one in [&oldest, &unseen, &expired, &ended, &middle, &newest, &other] {
            stored(&db, one.clone()).await;
        }
        in_one(&db, async |c| staff_sessions::end(c, ended.staff_session_id, "signed_out", at(960)).await)
            .await
            .unwrap();

        let keep = Keep { username: &oldest.username, most: 2, seen_after: at(50) };
        let end_older =
            async || in_one(&db, async |c| staff_sessions::end_older(c, keep, at(1_000)).await).await.unwrap();
        assert_eq!(end_older().await, 3, "the oldest, the one not seen for long and the one that ran out");
        assert_eq!(end_older().await, 0);
        for (one, at_end) in [
            (&oldest, Some(at(1_000))),
            (&unseen, Some(at(1_000))),
            (&expired, Some(at(1_000))),
            (&ended, Some(at(960))),
            (&middle, None),
            (&newest, None),
            (&other, None),
        ] {
            assert_eq!(find(&db, one.staff_session_id).await.unwrap().session.ended_at, at_end, "{one:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn all_sessions_of_one_person_end_and_nobody_elses() {
    on_both_engines(async |db| {
        for name in ["amina", "baraka"] {
            entered(&db, name).await;
        }
        let mine = [stored(&db, session("amina", 0)).await, stored(&db, session("amina", 1)).await];
        let other = stored(&db, session("baraka", 0)).await;
        let end_all = async |ms| {
            in_one(&db, async |c| staff_sessions::end_all(c, &mine[0].username, at(ms)).await).await.unwrap()
        };
        assert_eq!(end_all(5).await, 2);
        assert_eq!(end_all(6).await, 0);
        for one in &mine {
            assert_eq!(find(&db, one.staff_session_id).await.unwrap().session.ended_at, Some(at(5)));
        }
        assert_eq!(find(&db, other.staff_session_id).await.unwrap().session.ended_at, None);
    })
    .await;
}

#[tokio::test]
async fn the_last_page_moves_forward_never_back() {
    on_both_engines(async |db| {
        entered(&db, "amina").await;
        let id = stored(&db, session("amina", 0)).await.staff_session_id;
        for (ms, expected) in [(877, 877), (876, 877), (1_000, 1_000)] {
            in_one(&db, async |c| staff_sessions::touch(c, id, at(ms)).await).await.unwrap();
            assert_eq!(find(&db, id).await.unwrap().session.last_seen_at, at(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_that_ran_out_long_ago_are_dropped_and_never_more_than_asked() {
    on_both_engines(async |db| {
        entered(&db, "amina").await;
        for ms in [0, 1, 50] {
            stored(&db, session("amina", ms)).await;
        }
        let drop = async |before, most| {
            in_one(&db, async |c| staff_sessions::delete_expired(c, at(HOUR + before), most).await).await.unwrap()
        };
        assert_eq!(drop(10, 1).await, 1);
        assert_eq!(drop(10, 9).await, 1);
        assert_eq!(drop(10, 9).await, 0, "not the recent one");
    })
    .await;
}

#[tokio::test]
async fn sec_05_all_staff_are_signed_out_at_once_and_what_was_over_keeps_its_reason() {
    on_both_engines(async |db| {
        entered(&db, "amina").await;
        let (one, two, over) = (session("amina", 0), session("amina", 1), session("amina", 2));
        for each in [&one, &two, &over] {
            in_one(&db, async |c| staff_sessions::insert(c, each).await).await.unwrap();
        }
        in_one(&db, async |c| staff_sessions::end(c, over.staff_session_id, "signed_out", at(5)).await).await.unwrap();
        let ended = in_one(&db, async |c| staff_sessions::end_of_all_staff(c, "restored", at(9)).await).await.unwrap();
        assert_eq!(ended, 2);
        let mut conn = db.read().await.unwrap();
        for (each, when) in [(&one, 9), (&two, 9), (&over, 5)] {
            let record = staff_sessions::find_record(&mut conn, each.staff_session_id).await.unwrap().unwrap();
            assert_eq!(record.session.ended_at, Some(at(when)));
        }
    })
    .await;
}
