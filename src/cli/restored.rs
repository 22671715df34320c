//! `rescind restored`: to be run after a backup or snapshot was restored, before anybody is served.

use serde_json::json;

use super::output::Output;
use super::serve::only_server;
use super::{Failure, lockdown, open};
use crate::model::incident::Receipt;
use crate::service::restored::{Restored, end_everything};

/// Ends everything that was given out before.
pub async fn run(out: Output) -> Result<(), Failure> {
    let app = open::app().await?;
    // Held to the end: no server starts meanwhile.
    let _lock = only_server(&app.db).map_err(|Failure(line)| Failure::new(format!("stop the server first: {line}")))?;
    let Restored { receipt, staff_signed_out } = end_everything(&app, &open::actor()).await;
    let text = format!(
        "{} Staff signed out: {staff_signed_out}.\nLock again whoever was locked since the backup was made.",
        lockdown::words(&receipt)
    );
    let mut object = receipt.json();
    object["staff_signed_out"] = json!(staff_signed_out);
    if matches!(receipt, Receipt::Confirmed { .. }) {
        return out.say(&object, &text);
    }
    if out.is_json() {
        out.say(&object, "")?;
    }
    Err(Failure::new(lockdown::words(&receipt)))
}
