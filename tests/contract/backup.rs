use rescind::store::{Db, backup, facts};

use super::engines::on_both_engines;
use super::samples::in_one;

async fn set(db: &Db, value: &str) {
    in_one(db, async |c| facts::set(c, "colour", value).await).await.unwrap();
}

#[tokio::test]
async fn a_copy_holds_what_was_committed_when_it_was_made_and_passes_its_check() {
    on_both_engines(async |db| {
        let Some(source) = db.file_beside("x") else { return };
        let source = std::path::PathBuf::from(source.trim_end_matches(".x"));
        let copy = source.with_extension("copy");
        set(&db, "blue").await;
        let mut unfinished = db.begin().await.unwrap();
        facts::set(&mut unfinished, "colour", "red").await.unwrap();
        backup::copy(&source, &copy).await.expect("a writer is no obstacle");
        unfinished.commit().await.unwrap();
        backup::check(&copy).await.expect("whole");
        assert!(backup::copy(&source, &copy).await.is_err(), "nothing is replaced");

        let restored = Db::open(&format!("sqlite:{}", copy.display())).await.unwrap();
        let found = facts::find(&mut restored.read().await.unwrap(), "colour").await.unwrap();
        assert_eq!(found.as_deref(), Some("blue"));
        restored.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_copy_a_foreign_file_and_none_fail_the_check() {
    on_both_engines(async |db| {
        let Some(source) = db.file_beside("x") else { return };
        let source = std::path::PathBuf::from(source.trim_end_matches(".x"));
        let copy = source.with_extension("copy");
        backup::copy(&source, &copy).await.unwrap();
        let whole = std::fs::read(&copy).unwrap();
        let torn = &whole[..whole.len() / 2];
        let mut rotten = whole.clone();
        for page in rotten.chunks_mut(4096).skip(3) {
            page[..64].fill(0xAB);
        }
        for bytes in [torn, rotten.as_slice(), b"no database at all", b""] {
            std::fs::write(&copy, bytes).unwrap();
            assert!(backup::check(&copy).await.is_err(), "{} bytes", bytes.len());
        }
        std::fs::write(&copy, &whole).unwrap();
        assert!(backup::check(&copy).await.is_ok());
        std::fs::remove_file(&copy).unwrap();
        assert!(backup::check(&copy).await.is_err());
        assert!(!copy.exists(), "a check makes no file");
    })
    .await;
}
