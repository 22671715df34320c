use rescind::model::epoch::{EpochKind, Epochs, Level};
use rescind::model::session::{Record, Rotation, Session, Shape, SubjectKind};
use rescind::store::devices::{self, DeviceNames};
use rescind::store::sessions::{self, Count, Listed};
use rescind::store::{Db, StoreError, clients, epochs, revoked_tokens, seen};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{
    BORN, HOUR, Household, at, client, client_id, device, household, in_one, scope, stored_session, uuid,
};

async fn find(db: &Db, id: Uuid) -> Option<Session> {
    sessions::find(&mut db.read().await.unwrap(), id).await.unwrap()
}

async fn record(db: &Db, id: Uuid, serial: i64) -> Option<Record> {
    sessions::find_record(&mut db.read().await.unwrap(), id, serial).await.unwrap()
}

/// A session of a client on its own behalf.
fn service(client: &str) -> Session {
    Session {
        session_id: uuid(),
        client_id: client_id(client),
        subject_id: client.to_owned(),
        subject_kind: SubjectKind::Service,
        device_id: None,
        consent_id: None,
        scope: scope("customers:lock"),
        resources: Vec::new(),
        shapes: Vec::new(),
        generation: 1,
        rotation: Rotation { at: at(0), address: None, shape: 0, access_expires_at: at(HOUR) },
        auth_at: None,
        created_at: at(0),
        expires_at: at(24 * HOUR),
        ended_at: None,
        epochs: Epochs { device: None, consent: None, ..BORN },
    }
}

/// Sessions of two customers: two of john's at different epochs, one of his that is over, one of jane's.
async fn mixed(db: &Db) -> (Household, [Session; 4]) {
    let (john, jane) = (household(db, "john", "app").await, household(db, "jane", "web").await);
    let born = |epoch: i64| Epochs {
        global: epoch,
        client: Some(epoch),
        subject: Some(epoch),
        device: Some(epoch),
        consent: Some(epoch),
    };
    let old = Session { epochs: born(1), ..john.session() };
    let new = Session { epochs: born(2), ..john.session() };
    let over = Session { expires_at: at(5), ..john.session() };
    let other = jane.session();
    let all = [old, new, over, other];
    for one in &all {
        stored_session(db, one).await;
    }
    (john, all)
}

#[tokio::test]
async fn a_session_reads_back_as_entered() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let full = Session {
            rotation: Rotation {
                at: at(877),
                address: Some("2001:db8::1".to_owned()),
                shape: u16::MAX,
                access_expires_at: at(HOUR),
            },
            generation: i64::MAX,
            epochs: Epochs { global: 7, client: Some(6), subject: Some(5), device: Some(4), consent: Some(3) },
            ..home.session()
        };
        for session in [&full, &home.session(), &service("app")] {
            in_one(&db, async |c| sessions::insert(c, session, None).await).await.unwrap();
            assert_eq!(find(&db, session.session_id).await.as_ref(), Some(session));
        }
        assert_eq!(find(&db, uuid()).await, None);
        let again = in_one(&db, async |c| sessions::insert(c, &full, None).await).await;
        assert!(matches!(again, Err(StoreError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn a_record_joins_the_epochs_of_now_and_the_restriction() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let session = home.session();
        stored_session(&db, &session).await;
        let read = record(&db, session.session_id, 1).await.unwrap();
        let alive = Record {
            session: session.clone(),
            now: BORN,
            global_found: true,
            level: Level::None,
            token_revoked: false,
        };
        assert_eq!(read, alive);

        let (device, consent) = (home.device_id.to_string(), home.consent_id.to_string());
        let mut now = BORN;
        for (kind, id) in [
            (EpochKind::Global, epochs::EVERYBODY),
            (EpochKind::Client, "app"),
            (EpochKind::Device, device.as_str()),
            (EpochKind::Consent, consent.as_str()),
        ] {
            in_one(&db, async |c| epochs::raise(c, kind, id).await).await.unwrap();
            match kind {
                EpochKind::Global => now.global = 2,
                EpochKind::Client => now.client = Some(2),
                EpochKind::Subject => now.subject = Some(2),
                EpochKind::Device => now.device = Some(2),
                EpochKind::Consent => now.consent = Some(2),
            }
            assert_eq!(record(&db, session.session_id, 1).await.unwrap().now, now, "after {kind:?}");
        }
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        let read = record(&db, session.session_id, 1).await.unwrap();
        assert_eq!((read.now.subject, read.level), (Some(2), Level::Full));
        assert_eq!(read.session.epochs, BORN, "what it was born with stays");
        assert!(record(&db, uuid(), 1).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_service_has_no_device_and_no_consent() {
    on_both_engines(async |db| {
        in_one(&db, async |c| clients::insert(c, &client("desk")).await).await.unwrap();
        let session = service("desk");
        stored_session(&db, &session).await;
        let read = record(&db, session.session_id, 1).await.unwrap();
        assert_eq!(read.now, Epochs { device: None, consent: None, ..BORN });
        assert_eq!((read.level, read.global_found), (Level::None, true));
    })
    .await;
}

#[tokio::test]
async fn a_missing_epoch_row_reads_as_none_and_a_missing_or_strange_level_as_full() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let session = home.session();
        stored_session(&db, &session).await;
        let strange = "UPDATE epochs SET level = 'some later word' WHERE kind = 'subject'";
        in_one(&db, async |c| c.execute(strange, &[]).await).await.unwrap();
        assert_eq!(record(&db, session.session_id, 1).await.unwrap().level, Level::Full);

        for (kind, now) in [
            ("device", Epochs { device: None, ..BORN }),
            ("consent", Epochs { device: None, consent: None, ..BORN }),
            ("client", Epochs { device: None, consent: None, client: None, ..BORN }),
            ("subject", Epochs { global: 1, ..Epochs::default() }),
            ("global", Epochs::default()),
        ] {
            in_one(&db, async |c| c.execute("DELETE FROM epochs WHERE kind = $1", &[&kind]).await).await.unwrap();
            let read = record(&db, session.session_id, 1).await.unwrap();
            assert_eq!((read.now, read.global_found), (now, kind != "global"), "without {kind}");
        }
        assert_eq!(record(&db, session.session_id, 1).await.unwrap().level, Level::Full);
    })
    .await;
}

#[tokio::test]
async fn a_record_knows_whether_this_one_token_was_taken_back() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let (session, other) = (home.session(), home.session());
        stored_session(&db, &session).await;
        stored_session(&db, &other).await;
        for serial in [3, -4] {
            in_one(&db, async |c| revoked_tokens::insert(c, session.session_id, serial, at(HOUR)).await).await.unwrap();
        }
        for (id, serial, revoked) in [
            (session.session_id, 3, true),
            (session.session_id, -4, true),
            (session.session_id, 4, false),
            (other.session_id, 3, false),
        ] {
            assert_eq!(record(&db, id, serial).await.unwrap().token_revoked, revoked, "serial {serial}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_standing_session_is_found_by_client_key_and_epochs_while_it_lasts() {
    on_both_engines(async |db| {
        in_one(&db, async |c| clients::insert(c, &client("desk")).await).await.unwrap();
        let desk = client_id("desk");
        let born = Epochs { device: None, consent: None, ..BORN };
        let first = service("desk");
        let second = Session { created_at: at(1), ..service("desk") };
        in_one(&db, async |c| sessions::insert(c, &second, Some("key")).await).await.unwrap();
        in_one(&db, async |c| sessions::insert(c, &first, Some("key")).await).await.unwrap();
        let find = async |key: &str, epochs: Epochs, until| {
            let mut conn = db.read().await.unwrap();
            sessions::find_standing(&mut conn, &desk, key, &epochs, at(until)).await.unwrap()
        };
        assert_eq!(find("key", born, 24 * HOUR).await.as_ref(), Some(&first), "the oldest, until its last moment");
        assert_eq!(find("key", born, 24 * HOUR + 1).await, None, "not if it ends before");
        assert_eq!(find("other", born, 0).await, None);
        for stale in
            [Epochs { global: 2, ..born }, Epochs { client: Some(2), ..born }, Epochs { subject: Some(2), ..born }]
        {
            assert_eq!(find("key", stale, 0).await, None, "{stale:?}");
        }
        in_one(&db, async |c| sessions::end(c, first.session_id, "revoked", at(3)).await).await.unwrap();
        assert_eq!(find("key", born, 0).await, Some(second));
    })
    .await;
}

#[tokio::test]
async fn of_sixteen_parallel_rotations_one_wins() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        let mut tries = JoinSet::new();
        for ms in 1..=16 {
            let (db, id) = (db.clone(), session.session_id);
            tries.spawn(async move {
                let to = Rotation { at: at(ms), address: None, shape: 0, access_expires_at: at(HOUR + ms) };
                let won = in_one(&db, async |c| {
                    assert!(c.lock_session(id).await?);
                    sessions::rotate(c, id, 1, &to, &[]).await
                });
                won.await.unwrap().then_some(to)
            });
        }
        let won: Vec<Rotation> = tries.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        let expected = Session { generation: 2, rotation: won[0].clone(), shapes: Vec::new(), ..session };
        assert_eq!(find(&db, expected.session_id).await, Some(expected));
    })
    .await;
}

#[tokio::test]
async fn only_the_current_generation_of_a_living_session_rotates() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        let id = session.session_id;
        let to = Rotation { at: at(9), address: Some("192.0.2.1".to_owned()), shape: 1, access_expires_at: at(HOUR) };
        let shapes = vec![
            Shape { scope: scope("openid"), audience: Vec::new() },
            Shape { scope: scope(""), audience: vec!["https://a.example".to_owned()] },
        ];
        let rotate =
            async |id, from| in_one(&db, async |c| sessions::rotate(c, id, from, &to, &shapes).await).await.unwrap();
        for wrong in [0, 2, -1] {
            assert!(!rotate(id, wrong).await, "from {wrong}");
        }
        assert!(rotate(id, 1).await);
        assert!(!rotate(id, 1).await);
        let expected = Session { generation: 2, rotation: to.clone(), shapes: shapes.clone(), ..session };
        assert_eq!(find(&db, id).await, Some(expected));
        in_one(&db, async |c| sessions::end(c, id, "sign_out", at(10)).await).await.unwrap();
        assert!(!rotate(id, 2).await, "what has ended stays ended");
        assert!(!rotate(uuid(), 1).await);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_once_and_keeps_the_first_time() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        let end = async |id, ms| in_one(&db, async |c| sessions::end(c, id, "why", at(ms)).await).await.unwrap();
        assert!(end(session.session_id, 1).await);
        assert!(!end(session.session_id, 2).await);
        assert!(!end(uuid(), 1).await);
        assert_eq!(find(&db, session.session_id).await.unwrap().ended_at, Some(at(1)));
        assert_eq!(record(&db, session.session_id, 1).await.unwrap().session.ended_at, Some(at(1)));
    })
    .await;
}

async fn page(db: &Db, before: (i64, Uuid), limit: i64) -> Vec<Listed> {
    let mut conn = db.read().await.unwrap();
    sessions::list_live(&mut conn, "john", (at(before.0), before.1), at(10), limit).await.unwrap()
}

#[tokio::test]
async fn live_sessions_are_paged_newest_first_without_gaps_or_repeats() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let jane = household(&db, "jane", "app").await;
        let mut all = Vec::new();
        // Three of each moment, so that pages of two split them.
        for ms in [-877, 0, 4, 877] {
            for _ in 0..3 {
                let session = Session { created_at: at(ms), ..home.session() };
                stored_session(&db, &session).await;
                all.push((session.created_at, session.session_id));
            }
        }
        stored_session(&db, &jane.session()).await;
        all.sort_unstable();
        all.reverse();

        let mut seen = Vec::new();
        let mut before = (at(HOUR), Uuid::max());
        loop {
            let mut conn = db.read().await.unwrap();
            let page = sessions::list_live(&mut conn, "john", before, at(10), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = (last.session.created_at, last.session.session_id);
            seen.extend(page.iter().map(|one| (one.session.created_at, one.session.session_id)));
        }
        assert_eq!(seen, all);
    })
    .await;
}

#[tokio::test]
async fn only_what_lives_is_listed() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let live = home.session();
        let of_service = Session { subject_id: "john".to_owned(), ..service("app") };
        let stale = |epochs| Session { epochs, ..home.session() };
        let dead = [
            Session { expires_at: at(10), ..home.session() },
            stale(Epochs { global: 0, ..BORN }),
            stale(Epochs { client: Some(0), ..BORN }),
            stale(Epochs { subject: Some(0), ..BORN }),
            stale(Epochs { device: Some(0), ..BORN }),
            stale(Epochs { consent: Some(0), ..BORN }),
            stale(Epochs { consent: Some(2), ..BORN }),
        ];
        let ended = home.session();
        for one in dead.iter().chain([&live, &of_service, &ended]) {
            stored_session(&db, one).await;
        }
        in_one(&db, async |c| sessions::end(c, ended.session_id, "why", at(1)).await).await.unwrap();
        in_one(&db, async |c| seen::sessions(c, &[(live.session_id, at(7))]).await).await.unwrap();

        let listed = page(&db, (HOUR, Uuid::max()), 99).await;
        let ids: Vec<Uuid> = listed.iter().map(|one| one.session.session_id).collect();
        assert_eq!(ids, [of_service.session_id, live.session_id]);
        assert_eq!((listed[1].session.clone(), listed[1].last_seen_at), (live, at(7)));
        assert_eq!(listed[1].client_name, client("app").name);

        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        assert!(page(&db, (HOUR, Uuid::max()), 99).await.is_empty(), "a lock empties the list at once");
    })
    .await;
}

#[tokio::test]
async fn a_count_is_of_live_sessions_that_this_raise_ended_and_their_devices() {
    on_both_engines(async |db| {
        let (john, [of_john, _, _, of_jane]) = mixed(&db).await;
        stored_session(&db, &john.session()).await;
        let ended = john.session();
        stored_session(&db, &ended).await;
        in_one(&db, async |c| sessions::end(c, ended.session_id, "why", at(1)).await).await.unwrap();
        stored_session(&db, &service("app")).await;
        let swept = of_john.session_id;
        in_one(&db, async |c| sessions::end(c, swept, "lockdown", at(7)).await).await.unwrap();

        let mut conn = db.read().await.unwrap();
        let now = at(6);
        let count = |sessions, devices| Count { sessions, devices };
        for (below, of_john) in [(1, count(0, 0)), (2, count(2, 1)), (3, count(1, 1))] {
            assert_eq!(sessions::count_subject(&mut conn, "john", below, now).await.unwrap(), of_john);
            assert_eq!(sessions::count_device(&mut conn, john.device_id, below, now).await.unwrap(), of_john);
        }
        for (below, of_app, everyone) in
            [(1, count(0, 0), count(0, 0)), (2, count(3, 1), count(4, 2)), (3, count(1, 1), count(1, 1))]
        {
            assert_eq!(sessions::count_client(&mut conn, "app", below, now).await.unwrap(), of_app);
            assert_eq!(sessions::count_everyone(&mut conn, below, now).await.unwrap(), everyone);
        }
        let device = of_jane.device_id.unwrap();
        assert_eq!(sessions::count_device(&mut conn, device, 2, now).await.unwrap(), count(1, 1));
        assert_eq!(sessions::count_subject(&mut conn, "nobody", 9, now).await.unwrap(), Count::default());
    })
    .await;
}

#[tokio::test]
async fn a_sweep_ends_what_was_born_below_the_epoch_and_nothing_else() {
    on_both_engines(async |db| {
        let (john, all) = mixed(&db).await;
        let ended = async || {
            let mut when = Vec::new();
            for one in &all {
                when.push(find(&db, one.session_id).await.unwrap().ended_at);
            }
            when
        };
        let subject = async |below, ms| {
            in_one(&db, async |c| sessions::sweep_subject(c, "john", below, at(ms), 9).await).await.unwrap()
        };
        assert_eq!(subject(1, 1).await, 0);
        assert_eq!(subject(2, 2).await, 2, "the old one and the one that is over");
        assert_eq!(subject(2, 3).await, 0, "what has ended keeps its time");
        assert_eq!(ended().await, [Some(at(2)), None, Some(at(2)), None]);

        let device = async |id: uuid::Uuid, below| {
            in_one(&db, async |c| sessions::sweep_device(c, &id.to_string(), below, at(4), 9).await).await.unwrap()
        };
        assert_eq!(device(john.device_id, 2).await, 0);
        assert_eq!(device(john.device_id, 3).await, 1);
        assert_eq!(ended().await, [Some(at(2)), Some(at(4)), Some(at(2)), None]);

        let client = async |id, below| {
            in_one(&db, async |c| sessions::sweep_client(c, id, below, at(5), 9).await).await.unwrap()
        };
        assert_eq!(client("app", 9).await, 0);
        assert_eq!(client("web", 1).await, 0);
        assert_eq!(client("web", 2).await, 1);
        assert_eq!(ended().await, [Some(at(2)), Some(at(4)), Some(at(2)), Some(at(5))]);
    })
    .await;
}

#[tokio::test]
async fn the_last_request_moves_forward_never_back() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        for (ms, expected) in [(877, 877), (876, 877), (1_000, 1_000)] {
            in_one(&db, async |c| seen::sessions(c, &[(session.session_id, at(ms))]).await).await.unwrap();
            assert_eq!(page(&db, (HOUR, Uuid::max()), 1).await[0].last_seen_at, at(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn live_sessions_of_one_device_are_paged_and_those_of_a_person_counted_up_to_a_bound() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let tablet = device("john");
        in_one(&db, async |c| devices::insert(c, &tablet, &DeviceNames::default()).await).await.unwrap();
        let mut all = Vec::new();
        for ms in [-877, 4] {
            for _ in 0..3 {
                let session = Session { created_at: at(ms), ..home.session() };
                stored_session(&db, &session).await;
                all.push((session.created_at, session.session_id));
            }
        }
        all.sort_unstable();
        all.reverse();
        let ended = home.session();
        let expired = Session { expires_at: at(10), ..home.session() };
        let elsewhere = Session { device_id: Some(tablet.device_id), ..home.session() };
        for one in [&ended, &expired, &elsewhere] {
            stored_session(&db, one).await;
        }
        in_one(&db, async |c| sessions::end(c, ended.session_id, "why", at(1)).await).await.unwrap();

        let mut conn = db.read().await.unwrap();
        let (mut seen, mut before) = (Vec::new(), (at(HOUR), Uuid::max()));
        loop {
            let page = sessions::list_live_on_device(&mut conn, home.device_id, before, at(10), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = (last.session.created_at, last.session.session_id);
            seen.extend(page.iter().map(|one| (one.session.created_at, one.session.session_id)));
        }
        assert_eq!(seen, all);
        assert_eq!(sessions::count_live(&mut conn, "john", at(10), 99).await.unwrap(), 7);
        assert_eq!(sessions::count_live(&mut conn, "john", at(10), 3).await.unwrap(), 3);
        assert_eq!(sessions::count_live(&mut conn, "jane", at(10), 3).await.unwrap(), 0);
        drop(conn);
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        assert_eq!(sessions::count_live(&mut db.read().await.unwrap(), "john", at(10), 99).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn living_sessions_are_counted_no_further_than_asked() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let expired = Session { expires_at: at(HOUR), ..home.session() };
        let older = Session { epochs: Epochs { global: 0, ..BORN }, ..home.session() };
        let ended = home.session();
        for one in [&home.session(), &home.session(), &home.session(), &expired, &older, &ended] {
            stored_session(&db, one).await;
        }
        in_one(&db, async |c| sessions::end(c, ended.session_id, "signed_out", at(1)).await).await.unwrap();
        let count = async |most| sessions::count_living(&mut db.read().await.unwrap(), at(HOUR), most).await.unwrap();
        assert_eq!((count(99).await, count(2).await), (3, 2));
    })
    .await;
}

#[tokio::test]
async fn a_session_for_a_copy_carries_its_revoked_tokens_and_says_when_there_are_too_many() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        let id = session.session_id;
        let find = async || sessions::find_whole(&mut db.read().await.unwrap(), id).await.unwrap();
        assert_eq!(find().await, None);
        stored_session(&db, &session).await;
        let whole = find().await.unwrap();
        assert_eq!((&whole.record.session, whole.revoked.as_slice(), whole.is_whole), (&session, &[][..], true));
        assert_eq!(Some(whole.record), record(&db, id, 1).await, "the same as a check reads");
        for serial in 0..64 {
            in_one(&db, async |c| revoked_tokens::insert(c, id, serial, at(HOUR)).await).await.unwrap();
        }
        let mut whole = find().await.unwrap();
        whole.revoked.sort_unstable();
        assert_eq!((whole.revoked, whole.is_whole), ((0..64).collect(), true));
        assert!(!whole.record.token_revoked, "no token was asked about");
        in_one(&db, async |c| revoked_tokens::insert(c, id, 64, at(HOUR)).await).await.unwrap();
        assert!(!find().await.unwrap().is_whole, "one more than a copy carries");
    })
    .await;
}

#[tokio::test]
async fn sessions_go_when_they_ran_out_whether_ended_or_not_and_never_more_than_asked() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        for ms in [1, 2, 3, 50] {
            stored_session(&db, &Session { expires_at: at(ms), ..home.session() }).await;
        }
        let ended = Session { expires_at: at(50), ..home.session() };
        stored_session(&db, &ended).await;
        in_one(&db, async |c| sessions::end(c, ended.session_id, "reuse", at(1)).await).await.unwrap();
        let drop = async |before, most| {
            in_one(&db, async |c| sessions::delete_expired(c, at(before), most).await).await.unwrap()
        };
        assert_eq!(drop(3, 1).await, 1);
        assert_eq!(drop(3, 9).await, 1, "one that runs out right now is kept");
        assert_eq!(drop(50, 9).await, 1);
        assert!(find(&db, ended.session_id).await.is_some(), "its tokens may still be shown");
        assert_eq!(drop(51, 9).await, 2);
    })
    .await;
}
