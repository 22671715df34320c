//! The demo's bank: fixed names, random passwords. Devices and sessions come from real sign-ins, in process.

use super::demo_traffic::{Phone, look_at_pages, sign_in};
use super::{Failure, demo_devices};
use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::client::ClientType;
use crate::model::customer::{Customer, Email, PersonName, Phone as PhoneNumber};
use crate::model::ids::{ClientId, CustomerId, StaffId};
use crate::model::scope::Scope;
use crate::model::staff::{Role, Staff};
use crate::policy::client_rules::{NewClient, check};
use crate::secret::random;
use crate::secret::text::SecretText;
use crate::service::client::Registered;
use crate::service::{client, customer, staff};
use crate::store::facts;

/// The customer of the docs.
const JOHN: (&str, &str, &str, &str) = ("CUST_789456123", "John Doe", "john.doe@example.com", "+254712345678");

/// Twenty more.
const OTHERS: [&str; 20] = [
    "Achieng Odhiambo",
    "Brian Mwangi",
    "Catherine Wanjiru",
    "Daniel Kiprono",
    "Esther Nyambura",
    "Fatuma Hassan",
    "George Otieno",
    "Halima Abdi",
    "Ibrahim Noor",
    "Jane Muthoni",
    "Kevin Kamau",
    "Lilian Chebet",
    "Moses Wekesa",
    "Naomi Atieno",
    "Oscar Barasa",
    "Purity Kathure",
    "Quinter Anyango",
    "Robert Mutua",
    "Salome Wairimu",
    "Tom Ochieng",
];

/// Everything the demo prints and its traffic needs.
#[derive(Debug)]
pub struct Bank {
    /// The customer of the docs.
    pub customer: CustomerId,
    /// Their password.
    pub password: SecretText,
    /// Staff with their passwords.
    pub staff: Vec<(StaffId, Role, SecretText)>,
    /// Clients with their secrets.
    pub clients: Vec<(String, Option<SecretText>)>,
    /// Phones that are signed in.
    pub phones: Vec<Phone>,
}

/// Fills an empty database.
pub async fn seed(app: &App) -> Result<Bank, Failure> {
    let actor = Actor { who: Who::System, address: None, agent: None, request_id: "demo".to_owned() };
    let mut tx = app.db.begin().await?;
    facts::set(&mut tx, facts::DEMO, "Naybitono Bank").await?;
    tx.commit().await?;
    let clients = clients(app, &actor).await?;
    let staff = people(app, &actor).await?;
    let (customer, password) = enter(app, &actor, JOHN).await?;
    let mut phones: Vec<Phone> =
        demo_devices::JOHNS.into_iter().map(|handset| Phone::new(&customer, &password, handset)).collect();
    for (index, name) in OTHERS.iter().enumerate() {
        let number = 710_000_101 + index;
        let id = format!("CUST_{}", 100_200_300 + index * 7_919);
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        let (id, password) = enter(app, &actor, (&id, name, &email, &format!("+254{number}"))).await?;
        phones.extend(demo_devices::of(index).map(|handset| Phone::new(&id, &password, handset)));
        if let Some((computer, address)) = demo_devices::computer(index) {
            Box::pin(look_at_pages(app, (&id, &password), computer, address)).await?;
        }
    }
    for phone in &mut phones {
        Box::pin(sign_in(app, phone)).await?;
    }
    Ok(Bank { customer, password, staff, clients, phones })
}

async fn enter(app: &App, actor: &Actor, who: (&str, &str, &str, &str)) -> Result<(CustomerId, SecretText), Failure> {
    let (id, name, email, phone) = who;
    let password = SecretText::from(random::passphrase());
    let new = Customer {
        customer_id: CustomerId::parse(id).map_err(Failure::new)?,
        name: PersonName::parse(name).map_err(Failure::new)?,
        email: Some(Email::parse(email).map_err(Failure::new)?),
        phone: PhoneNumber::from_e164(phone),
        created_at: app.clock.now(),
        disabled_at: None,
    };
    let customer_id = new.customer_id.clone();
    match customer::create(app, actor, new, &password).await? {
        customer::Entered::Done => Ok((customer_id, password)),
        refused => Err(Failure::new(format!("demo customer {id}: {refused:?}"))),
    }
}

async fn people(app: &App, actor: &Actor) -> Result<Vec<(StaffId, Role, SecretText)>, Failure> {
    let all = [
        ("amina", Role::Agent),
        ("baraka", Role::Supervisor),
        ("chege", Role::Branch),
        ("dalia", Role::Admin),
        ("eshe", Role::Auditor),
    ];
    let mut entered = Vec::new();
    for (name, role) in all {
        let password = SecretText::from(random::passphrase());
        let username = StaffId::parse(name).map_err(Failure::new)?;
        let new = Staff { username: username.clone(), role, created_at: app.clock.now(), disabled_at: None };
        match staff::create(app, actor, &new, &password).await? {
            staff::Entered::Done => entered.push((username, role, password)),
            refused => return Err(Failure::new(format!("demo staff {name}: {refused:?}"))),
        }
    }
    Ok(entered)
}

async fn clients(app: &App, actor: &Actor) -> Result<Vec<(String, Option<SecretText>)>, Failure> {
    let api = "https://api.naybitono.example/accounts";
    let scope = "openid accounts:read payments:write";
    let plain = |id: &str, name: &str, kind, scope: &str| -> Result<NewClient, Failure> {
        Ok(NewClient {
            client_id: ClientId::parse(id).map_err(Failure::new)?,
            name: name.to_owned(),
            kind,
            auth_method: None,
            redirect_uris: Vec::new(),
            scope: Scope::parse(scope).map_err(Failure::new)?,
            grants: Vec::new(),
            resources: Vec::new(),
            origins: Vec::new(),
            first_party: false,
            color: None,
        })
    };
    let all = [
        NewClient {
            redirect_uris: vec!["com.naybitono.app:/oauth/callback".to_owned(), "http://127.0.0.1/callback".to_owned()],
            resources: vec![api.to_owned()],
            first_party: true,
            ..plain("naybitono-mobile", "Naybitono Mobile", ClientType::Public, scope)?
        },
        NewClient {
            redirect_uris: vec![
                "https://web.naybitono.example/callback".to_owned(),
                "http://127.0.0.1/web/callback".to_owned(),
            ],
            resources: vec![api.to_owned()],
            color: "#5b2a86".parse().ok(),
            ..plain("naybitono-web", "Naybitono Web", ClientType::Confidential, scope)?
        },
        NewClient {
            resources: vec![api.to_owned()],
            ..plain("accounts-api", "Accounts API", ClientType::ResourceServer, "")?
        },
        plain("fraud-desk", "Fraud desk", ClientType::Confidential, "customers:lock")?,
    ];
    let mut registered = Vec::new();
    for new in all {
        let checked = check(new, app.clock.now()).map_err(Failure::new)?;
        match client::create(app, actor, &checked).await? {
            Registered::Done(secret) => registered.push((checked.client_id.to_string(), secret)),
            refused => return Err(Failure::new(format!("demo client {}: {refused:?}", checked.client_id))),
        }
    }
    Ok(registered)
}
