//! What argon2 alone costs, to tell it from the rest of a sign-in.

use rescind::secret::keys::Pepper;
use rescind::secret::password::{Cost, Hasher};
use rescind::secret::text::SecretText;

use super::Failure;

/// Checks a password of somebody who has none, so many times: one run of the usual cost each.
pub fn run(times: u32) -> Result<(), Failure> {
    let hasher = Hasher::new(&Pepper::generate(), Cost::default(), 1, 1);
    let password = SecretText::from("correct horse battery staple");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for _ in 0..times {
            hasher.verify(&password, None).await?;
        }
        Ok(())
    })
}
