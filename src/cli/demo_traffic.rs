//! The demo's live traffic: phones that sign in, use their tokens and refresh them, through the same services as everybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Failure;
use super::demo_devices::Handset;
use super::demo_seed::Bank;
use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::device::DeviceDetails;
use crate::model::ids::CustomerId;
use crate::model::tally::Tally;
use crate::secret::text::SecretText;
use crate::secret::{client_secret, random};
use crate::service::authorize::{Asked, Step};
use crate::service::consent::After;
use crate::service::introspect::{Answer, Question};
use crate::service::login::{LoginOutcome, SignIn};
use crate::service::tokens::{TokenError, Tokens};
use crate::service::{authorize, code, consent, introspect, login, pages, refresh};
use crate::store::clients;

/// The app on the phones.
const APP: &str = "naybitono-mobile";

/// A phone with the bank's app on it.
#[derive(Debug)]
pub struct Phone {
    owner: CustomerId,
    password: SecretText,
    handset: Handset,
    app_device_id: String,
    tokens: Option<Tokens>,
}

impl Phone {
    /// A phone that is not signed in yet.
    #[must_use]
    pub fn new(owner: &CustomerId, password: &SecretText, handset: Handset) -> Self {
        Self {
            owner: owner.clone(),
            password: password.clone(),
            handset,
            app_device_id: random::letters(20),
            tokens: None,
        }
    }

    fn actor(&self) -> Actor {
        let agent = format!("NaybitonoMobile/4.2 ({})", self.handset.model);
        anonymous(self.handset.address.into(), Some(agent))
    }

    fn details(&self) -> DeviceDetails {
        DeviceDetails {
            name: self.handset.name.map(str::to_owned),
            model: Some(self.handset.model.to_owned()),
            os_version: Some(self.handset.os_version.to_owned()),
            app_version: Some("4.2".to_owned()),
            timezone: Some("Africa/Nairobi".to_owned()),
            language: Some("en-KE".to_owned()),
            ..DeviceDetails::default()
        }
    }
}

fn anonymous(address: IpAddr, agent: Option<String>) -> Actor {
    Actor { who: Who::Anonymous, address: Some(address), agent, request_id: random::letters(16) }
}

/// Signs somebody in on the pages, at a computer.
pub async fn look_at_pages(
    app: &App,
    (owner, password): (&CustomerId, &SecretText),
    computer: DeviceDetails,
    address: IpAddr,
) -> Result<(), Failure> {
    let form = SignIn {
        login: pages::begin_login(app).await?,
        username: owner.to_string(),
        password: password.clone(),
        browser_id: None,
        replaces: None,
        browser: computer.clone(),
    };
    Box::pin(login::sign_in(app, &anonymous(address, computer.user_agent), form)).await?;
    Ok(())
}

/// Signs a phone's owner in and keeps the tokens; a locked customer stays signed out.
pub async fn sign_in(app: &App, phone: &mut Phone) -> Result<(), Failure> {
    let actor = phone.actor();
    let verifier = random::letters(64);
    let asked = Asked {
        client_id: Some(APP.to_owned()),
        redirect_uri: Some("com.naybitono.app:/oauth/callback".to_owned()),
        response_type: Some("code".to_owned()),
        challenge: Some(URL_SAFE_NO_PAD.encode(client_secret::digest(&verifier))),
        challenge_method: Some("S256".to_owned()),
        app_device_id: Some(phone.app_device_id.clone()),
        device: phone.details(),
        ..Asked::default()
    };
    let Step::SignIn(begun) = authorize::begin(app, &actor, asked, None).await? else { return Ok(()) };
    let form = SignIn {
        login: begun,
        username: phone.owner.to_string(),
        password: phone.password.clone(),
        browser_id: None::<Uuid>,
        replaces: None,
        browser: DeviceDetails { user_agent: actor.agent.clone(), ..DeviceDetails::default() },
    };
    let LoginOutcome::Welcome(welcome) = Box::pin(login::sign_in(app, &actor, form)).await? else { return Ok(()) };
    let After::Redirect(to) = consent::after_sign_in(app, &actor, &welcome.login, &welcome.session).await? else {
        return Ok(());
    };
    let sent = url::Url::parse(&to).map_err(Failure::new)?;
    let code = sent.query_pairs().find(|(name, _)| name == "code").map(|(_, value)| value.into_owned());
    let known = clients::find_known(&mut app.db.read().await?, APP).await?;
    if let (Some(code), Some(known)) = (code, known) {
        let asked = code::Asked {
            code: &code,
            verifier: Some(&verifier),
            redirect_uri: None,
            resources: &[],
            device: DeviceDetails::default(),
        };
        let redeemed = code::redeem(app, &actor, &known, asked).await;
        count(app, &redeemed);
        phone.tokens = redeemed.ok();
    }
    Ok(())
}

/// What the token endpoint counts for the console's figures, which these phones do not pass through.
fn count(app: &App, answer: &Result<Tokens, TokenError>) {
    let tally = match answer {
        Ok(_) => Tally::TokensIssued,
        Err(TokenError::Refused(_)) => Tally::TokensRefused,
        Err(TokenError::Fault(_)) => return,
    };
    app.activity.count(tally, app.clock.now());
}

/// Uses the phones until the task is dropped. What fails is tried again later.
pub async fn run(app: Arc<App>, mut bank: Bank) {
    for turn in 0_usize.. {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let count = bank.phones.len();
        // John's phones are used often, so that there is something to see.
        let index = if turn % 3 == 0 { turn % 2 } else { turn % count };
        if let Err(Failure(why)) = Box::pin(use_phone(&app, &mut bank.phones[index], turn)).await {
            tracing::debug!(why, "demo traffic");
        }
    }
}

async fn use_phone(app: &App, phone: &mut Phone, turn: usize) -> Result<(), Failure> {
    let Some(tokens) = phone.tokens.take() else { return Box::pin(sign_in(app, phone)).await };
    let mut conn = app.db.read().await?;
    let (api, client) = (clients::find(&mut conn, "accounts-api").await?, clients::find_known(&mut conn, APP).await?);
    drop(conn);
    let (Some(api), Some(client)) = (api, client) else { return Ok(()) };
    let question = Question { token: tokens.access.expose(), from: Some(phone.handset.address.into()) };
    let answer = introspect::check(app, &phone.actor(), &api, question).await?;
    let is_active = matches!(answer, Answer::Active(_));
    if is_active && !turn.is_multiple_of(20) {
        phone.tokens = Some(tokens);
        return Ok(());
    }
    let Some(token) = tokens.refresh.as_ref() else { return Ok(()) };
    let asked = refresh::Asked { token: token.expose(), scope: None, resources: &[] };
    let refreshed = refresh::refresh(app, &phone.actor(), &client, asked).await;
    count(app, &refreshed);
    match refreshed {
        Ok(next) => phone.tokens = Some(next),
        Err(TokenError::Refused(_)) => {}
        Err(TokenError::Fault(fault)) => {
            phone.tokens = Some(tokens);
            return Err(fault.into());
        }
    }
    Ok(())
}
