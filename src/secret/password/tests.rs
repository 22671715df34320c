use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const CHEAP: Cost = Cost { memory_kib: 64, passes: 2 };
/// Made by another implementation (Python: `cryptography` and argon2-cffi) with [`pepper`] and [`CHEAP`].
const GOLDEN: &str =
    "$argon2id$v=19$m=64,t=2,p=1,keyid=R3C3AOTt$AAECAwQFBgcICQoLDA0ODw$iGT7Qm0gNpA7Ke6yzwbOSofKn/FCLbo1cAEw+ghlXhk";
const GOLDEN_PASSWORD: &str = "Zoë liest 🔏ガ!";
/// Of `correct horse`, made by argon2-cffi and the `bcrypt` package for Python.
const IMPORTED: [&str; 4] = [
    "$argon2id$v=19$m=128,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$7+ai8NzLJto+1sANtI49ag7Kj1Fr7vpY6tk0gDqFPI4",
    "$argon2id$v=16$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$99Xrjz3Hn4FFoH4oXoh0pQ",
    "$2a$04$0XRetrt910d0DdE4X2dXBOAoNxNlO68TeJFvdXoFYqjvp3SvnXgKW",
    "$2b$04$eB505YFB9ccae8CawV9bAu/adm9M7sMlI4HmIXg4I9iTVBV8DHvSK",
];
/// Bcrypt of 72 times `x`.
const FULL_BCRYPT: &str = "$2b$04$XVajmmZkRc95vyu52qgRqeTY/ofBq9MVgIj3XNE3gC2xZLYbXXFKy";

fn pepper() -> Pepper {
    let bytes: Vec<u8> = (0..32).collect();
    Pepper::parse(&STANDARD.encode(bytes)).unwrap()
}

fn hasher() -> Hasher {
    Hasher::new(&pepper(), CHEAP, 2, 8)
}

async fn verify(hasher: &Hasher, password: &str, stored: &str) -> Result<Verdict, HashError> {
    hasher.verify(&password.into(), Some(stored)).await
}

#[tokio::test]
async fn a_hash_knows_its_password_and_no_other() {
    let hasher = hasher();
    let stored = hasher.hash(&"s3same".into()).await.unwrap();

    assert_eq!(verify(&hasher, "s3same", &stored).await, Ok(Verdict::Right));
    for wrong in ["s3samE", "s3same ", "s3sam", ""] {
        assert_eq!(verify(&hasher, wrong, &stored).await, Ok(Verdict::Wrong));
    }
}

#[tokio::test]
async fn a_hash_is_a_phc_string_with_its_own_salt() {
    let hasher = Hasher::new(&pepper(), Cost::default(), 1, 0);
    let [one, two] = [hasher.hash(&"same".into()).await.unwrap(), hasher.hash(&"same".into()).await.unwrap()];

    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid=R3C3AOTt$"));
    assert_ne!(one, two);
    assert_eq!(verify(&hasher, "same", &two).await, Ok(Verdict::Right));
}

#[tokio::test]
async fn a_hash_is_what_another_implementation_makes() {
    assert_eq!(verify(&hasher(), GOLDEN_PASSWORD, GOLDEN).await, Ok(Verdict::Right));
}

#[tokio::test]
async fn pwd_01_every_character_counts_up_to_1024_bytes() {
    let hasher = hasher();
    let long = format!("{}\0ü", "x".repeat(LONGEST - 3));
    let stored = hasher.hash(&long.as_str().into()).await.unwrap();

    assert_eq!(long.len(), LONGEST);
    assert_eq!(verify(&hasher, &long, &stored).await, Ok(Verdict::Right));
    for wrong in [&long[..LONGEST - 2], &long.replace('ü', "u"), &format!("{long}x")] {
        assert_eq!(verify(&hasher, wrong, &stored).await, Ok(Verdict::Wrong));
    }
    assert_eq!(hasher.hash(&format!("{long}x").into()).await, Err(HashError::TooLong));
}

#[tokio::test]
async fn decomposed_letters_are_the_same_password() {
    let hasher = hasher();
    let stored = hasher.hash(&"Zo\u{eb} \u{ac00}".into()).await.unwrap();

    assert_eq!(verify(&hasher, "Zoe\u{308} \u{1100}\u{1161}", &stored).await, Ok(Verdict::Right));
    assert_eq!(verify(&hasher, "Zoe \u{ac00}", &stored).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn imported_hashes_verify_and_ask_to_be_replaced() {
    let hasher = hasher();
    for stored in IMPORTED {
        assert!(looks_like_hash(stored), "{stored}");
        assert_eq!(verify(&hasher, "correct horse", stored).await, Ok(Verdict::RightButOld));
        assert_eq!(verify(&hasher, "correct horsf", stored).await, Ok(Verdict::Wrong));
    }
    let as_php_writes_it = IMPORTED[3].replacen("$2b$", "$2y$", 1);
    assert_eq!(verify(&hasher, "correct horse", &as_php_writes_it).await, Ok(Verdict::RightButOld));
}

#[tokio::test]
async fn bcrypt_lets_nobody_in_by_what_it_ignores() {
    let hasher = hasher();
    let full = "x".repeat(72);
    let repeated = "correct horse\0correct horse";
    // Bcrypt itself would say yes to both.
    assert!(bcrypt::verify(format!("{full}y"), FULL_BCRYPT).unwrap());
    assert!(bcrypt::verify(repeated, IMPORTED[3]).unwrap());

    assert_eq!(verify(&hasher, &full, FULL_BCRYPT).await, Ok(Verdict::RightButOld));
    assert_eq!(verify(&hasher, &format!("{full}y"), FULL_BCRYPT).await, Ok(Verdict::Wrong));
    assert_eq!(verify(&hasher, repeated, IMPORTED[3]).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn another_cost_is_old() {
    let dearer = Cost { passes: 3, ..CHEAP };
    let stored = Hasher::new(&pepper(), dearer, 1, 0).hash(&"a".into()).await.unwrap();

    assert_eq!(verify(&hasher(), "a", &stored).await, Ok(Verdict::RightButOld));
    assert_eq!(verify(&hasher(), "b", &stored).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn another_pepper_is_a_fault_and_never_right() {
    let elsewhere = Hasher::new(&Pepper::generate(), CHEAP, 1, 0);
    let stored = elsewhere.hash(&"a".into()).await.unwrap();
    // Claiming our pepper does not help either.
    let start = stored.find("keyid=").unwrap() + "keyid=".len();
    let renamed = format!("{}R3C3AOTt{}", &stored[..start], &stored[start + 8..]);

    assert!(matches!(verify(&hasher(), "a", &stored).await, Err(HashError::Failed(_))));
    assert_eq!(verify(&hasher(), "a", &renamed).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn every_check_costs_exactly_one_argon2_run() {
    let hasher = hasher();
    let ours = hasher.hash(&"right".into()).await.unwrap();
    let other_pepper = ours.replacen("keyid=R3", "keyid=R4", 1);
    let long = "x".repeat(LONGEST + 1);
    let checks = [
        ("right", Some(ours.as_str())),
        ("wrong", Some(&ours)),
        ("right", None),
        (&long, Some(&ours)),
        (&long, None),
        (&long, Some(IMPORTED[2])),
        ("correct horse", Some(IMPORTED[0])),
        ("wrong", Some(IMPORTED[1])),
        ("correct horse", Some(IMPORTED[2])),
        ("wrong", Some(IMPORTED[3])),
        ("right", Some(&other_pepper)),
        ("right", Some("")),
        ("right", Some("plain text")),
    ];
    for (nth, (password, stored)) in (1..).zip(checks) {
        let outcome = hasher.verify(&password.into(), stored).await;
        assert_eq!(hasher.runs(), 1 + nth, "{stored:?} {outcome:?}");
    }
}

#[tokio::test]
async fn nobody_and_too_long_are_wrong() {
    let hasher = hasher();
    let long = SecretText::new("x".repeat(LONGEST + 1));

    assert_eq!(hasher.verify(&"".into(), None).await, Ok(Verdict::Wrong));
    assert_eq!(hasher.verify(&long, None).await, Ok(Verdict::Wrong));
    assert_eq!(hasher.verify(&long, Some("unreadable")).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn what_can_not_be_read_is_a_fault() {
    let unreadable = HashError::Failed("the stored hash can't be read");
    for stored in ["", "right", "$argon2id$", "$2b$04$short", "$argon2id$v=19$m=64,t=1,p=1$AAAA"] {
        assert_eq!(verify(&hasher(), "right", stored).await, Err(unreadable.clone()));
    }
}

#[test]
fn only_sane_hashes_may_be_imported() {
    let argon2 = |head: &str| format!("{head}$AAECAwQFBgcICQoLDA0ODw$99Xrjz3Hn4FFoH4oXoh0pQ");
    let bcrypt = |head: &str| format!("{head}{}", &IMPORTED[3][6..]);

    for good in [
        argon2("$argon2id$v=19$m=1048576,t=10,p=4"),
        argon2("$argon2id$v=16$t=1,m=8,p=1"),
        bcrypt("$2b$16"),
        bcrypt("$2y$04"),
    ] {
        assert!(looks_like_hash(&good), "{good}");
    }
    for bad in [
        argon2("$argon2id$v=19$m=1048577,t=1,p=1"),
        argon2("$argon2id$v=19$m=64,t=11,p=1"),
        argon2("$argon2id$v=19$m=64,t=0,p=1"),
        argon2("$argon2id$v=19$m=64,t=1,p=9"),
        argon2("$argon2id$v=19$m=7,t=1,p=1"),
        argon2("$argon2id$v=19$m=64,t=1,p=1,x=1"),
        argon2("$argon2id$v=19$m=64,t=1,p=1,keyid=R3C3AOTt"),
        argon2("$argon2id$v=19$m=64,t=1,p=1,data=AAAA"),
        argon2("$argon2id$v=19$m=64,t=1"),
        argon2("$argon2id$v=19"),
        argon2("$argon2id$m=64,t=1,p=1"),
        argon2("$argon2id$v=18$m=64,t=1,p=1"),
        argon2("$argon2i$v=19$m=64,t=1,p=1"),
        argon2("$argon2d$v=19$m=64,t=1,p=1"),
        "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0O".into(),
        "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw".into(),
        bcrypt("$2b$03"),
        bcrypt("$2b$17"),
        bcrypt("$2b$31"),
        bcrypt("$2x$10"),
        bcrypt("$2$10"),
        IMPORTED[3][..59].into(),
        format!("{}é", &IMPORTED[3][..58]),
        String::new(),
        "$".into(),
    ] {
        assert!(!looks_like_hash(&bad), "{bad}");
    }
    assert!(!looks_like_hash(GOLDEN));
}

#[tokio::test]
async fn an_impossible_cost_becomes_the_nearest_possible() {
    let nothing = Cost { memory_kib: 0, passes: 0 };
    let hasher = Hasher::new(&pepper(), nothing, 0, 0);
    let stored = hasher.hash(&"a".into()).await.unwrap();

    assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1,"));
    assert_eq!(verify(&hasher, "a", &stored).await, Ok(Verdict::Right));
}

#[tokio::test]
async fn a_crowd_is_turned_away_and_the_rest_is_served() {
    let hasher = Arc::new(Hasher::new(&pepper(), Cost::default(), 1, 1));
    let checks: Vec<_> = (0..12)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(&"a".into(), None).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for check in checks {
        outcomes.push(check.await.unwrap());
    }
    let busy = outcomes.iter().filter(|o| **o == Err(HashError::Busy)).count();
    let wrong = outcomes.iter().filter(|o| **o == Ok(Verdict::Wrong)).count();

    assert_eq!(busy + wrong, 12);
    assert!(busy > 0 && wrong >= 2, "{outcomes:?}");
    assert_eq!(hasher.runs(), wrong as u64);
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", hasher()), "Hasher { runs: 0, .. }");
}
