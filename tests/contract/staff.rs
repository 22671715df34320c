use rescind::model::ids::StaffId;
use rescind::model::staff::{Role, Staff};
use rescind::store::{Db, staff};

use super::engines::on_both_engines;
use super::samples::{at, in_one};

pub fn amina(username: &str) -> Staff {
    Staff {
        username: StaffId::parse(username).expect("a user name"),
        role: Role::Agent,
        created_at: at(0),
        disabled_at: None,
    }
}

async fn find(db: &Db, username: &str) -> Option<Staff> {
    staff::find(&mut db.read().await.unwrap(), username).await.unwrap()
}

#[tokio::test]
async fn a_member_of_staff_is_found_as_entered_whatever_the_role() {
    on_both_engines(async |db| {
        for role in Role::ALL {
            let entered = Staff { role, ..amina(role.as_str()) };
            in_one(&db, async |c| staff::insert(c, &entered, "hash").await).await.unwrap();
            assert_eq!(find(&db, role.as_str()).await, Some(entered));
        }
        assert_eq!(find(&db, "nobody").await, None);
        assert_eq!(find(&db, "AGENT").await, None);
    })
    .await;
}

#[tokio::test]
async fn staff_are_listed_by_name() {
    on_both_engines(async |db| {
        for name in ["dalia", "amina", "chege"] {
            in_one(&db, async |c| staff::insert(c, &amina(name), "hash").await).await.unwrap();
        }
        let listed = staff::list(&mut db.read().await.unwrap()).await.unwrap();
        assert_eq!(listed, [amina("amina"), amina("chege"), amina("dalia")]);
    })
    .await;
}

#[tokio::test]
async fn disabling_keeps_the_first_time_and_a_reset_enables_again() {
    on_both_engines(async |db| {
        let (someone, nobody) = (amina("amina"), amina("nobody").username);
        in_one(&db, async |c| staff::insert(c, &someone, "old").await).await.unwrap();
        let name = &someone.username;

        assert!(in_one(&db, async |c| staff::disable(c, name, at(5)).await).await.unwrap());
        assert!(in_one(&db, async |c| staff::disable(c, name, at(9)).await).await.unwrap());
        assert_eq!(find(&db, "amina").await.unwrap().disabled_at, Some(at(5)));
        assert!(!in_one(&db, async |c| staff::disable(c, &nobody, at(5)).await).await.unwrap());

        assert!(in_one(&db, async |c| staff::reset(c, name, "new").await).await.unwrap());
        assert_eq!(find(&db, "amina").await.unwrap().disabled_at, None);
        let kept: Option<String> = db
            .read()
            .await
            .unwrap()
            .value("SELECT password_hash FROM staff WHERE username = $1", &[&"amina"])
            .await
            .unwrap();
        assert_eq!(kept.as_deref(), Some("new"));
        assert!(!in_one(&db, async |c| staff::reset(c, &nobody, "new").await).await.unwrap());
    })
    .await;
}
