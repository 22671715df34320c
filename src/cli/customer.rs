//! `rescind customer`.

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::output::Output;
use super::{Failure, input, open};
use crate::app::App;
use crate::model::customer::{Customer, Email, PersonName, Phone};
use crate::model::ids::CustomerId;
use crate::policy::phone;
use crate::secret::password::looks_like_hash;
use crate::service::customer::{self, Entered, NewCustomer};
use crate::service::{search, sessions};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enter a customer; the password is read from standard input
    #[command(
        after_help = "Example: rescind customer create --id CUST_1 --name \"John Doe\" --phone +254712345678 < password"
    )]
    Create(New),
    /// Show a customer
    #[command(after_help = "Example: rescind customer show CUST_1")]
    Show {
        /// Their id
        id: CustomerId,
    },
    /// Find customers by id, e-mail, telephone number in any spelling, or the beginning of a name
    #[command(after_help = "Example: rescind customer find \"0712 345 678\"")]
    Find {
        /// What they say
        words: String,
    },
    /// Change contact details; what is not given stays
    #[command(after_help = "Example: rescind customer update CUST_1 --phone +254712345679")]
    Update(Changes),
    /// Set a new password (standard input), ending everything made with the old one
    #[command(after_help = "Example: rescind customer password CUST_1 < password")]
    Password {
        /// Their id
        id: CustomerId,
    },
    /// Disable sign-in at once and end everything they hold
    #[command(after_help = "Example: rescind customer disable CUST_1")]
    Disable {
        /// Their id
        id: CustomerId,
    },
    /// Enable sign-in again
    #[command(after_help = "Example: rescind customer enable CUST_1")]
    Enable {
        /// Their id
        id: CustomerId,
    },
    /// Enter many customers from a file of JSON lines, all or none
    #[command(
        after_help = "Example: rescind customer import customers.ndjson\nLine:    {\"id\":\"CUST_1\",\"name\":\"John Doe\",\"email\":null,\"phone\":\"+254712345678\",\"password_hash\":\"$2b$...\"}"
    )]
    Import {
        /// The file; - for standard input
        file: PathBuf,
    },
}

/// A customer to be entered.
#[derive(Debug, Args)]
pub struct New {
    /// Their id
    #[arg(long)]
    id: CustomerId,
    /// Their name
    #[arg(long)]
    name: String,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// Telephone number, in any usual spelling
    #[arg(long)]
    phone: Option<String>,
}

/// Changed contact details.
#[derive(Debug, Args)]
pub struct Changes {
    /// Their id
    id: CustomerId,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// New e-mail address; empty: none
    #[arg(long)]
    email: Option<String>,
    /// New telephone number; empty: none
    #[arg(long)]
    phone: Option<String>,
}

/// One line of an import.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    name: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
}

/// Runs one.
pub async fn run(out: Output, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(new) => create(out, new).await,
        Command::Show { id } => show(out, &id).await,
        Command::Find { words } => find(out, &words).await,
        Command::Update(changes) => Box::pin(update(out, changes)).await,
        Command::Password { id } => {
            let app = open::app().await?;
            let password = input::secret("New password")?;
            answer(out, &id, customer::set_password(&app, &open::actor(), &id, &password).await?)
        }
        Command::Disable { id } => {
            let app = open::app().await?;
            answer(out, &id, customer::set_disabled(&app, &open::actor(), &id, true).await?)
        }
        Command::Enable { id } => {
            let app = open::app().await?;
            answer(out, &id, customer::set_disabled(&app, &open::actor(), &id, false).await?)
        }
        Command::Import { file } => import(out, &file).await,
    }
}

async fn create(out: Output, new: New) -> Result<(), Failure> {
    let app = open::app_or_new().await?;
    let line = Line { id: new.id.to_string(), name: new.name, email: new.email, phone: new.phone, password_hash: None };
    let customer = checked(&app, &line).map_err(Failure::new)?;
    let password = input::secret("Password")?;
    answer(out, &new.id, customer::create(&app, &open::actor(), customer, &password).await?)
}

async fn show(out: Output, id: &CustomerId) -> Result<(), Failure> {
    let app = open::app().await?;
    let found = sessions::customer(&app, &open::actor(), id).await?;
    let view = found.ok_or_else(|| Failure::new(format!("there is no customer {id}")))?;
    let changes = search::contact_changes(&app, id).await?;
    let mut text = format!("{}\nrestriction: {}", line(&view.customer), view.level.as_str());
    for change in &changes {
        let value = change.new_value.as_deref().unwrap_or("-");
        let _ =
            write!(text, "\n{}: {} is {value} since then, by {}", change.changed_at, change.field, change.changed_by);
    }
    let mut object = json!(view);
    object["contact_changes"] = json!(changes);
    out.say(&object, &text)
}

async fn find(out: Output, words: &str) -> Result<(), Failure> {
    let app = open::app().await?;
    let found = search::find(&app, &open::actor(), words).await?;
    let lines: Vec<String> = found.iter().map(line).collect();
    out.say(&json!({ "items": found, "next_cursor": null }), &lines.join("\n"))
}

fn line(customer: &Customer) -> String {
    format!(
        "{}  {}  email: {}  phone: {}",
        customer.customer_id,
        customer.name.as_str(),
        customer.email.as_ref().map_or("-", Email::as_str),
        customer.phone.as_ref().map_or("-", Phone::as_str),
    )
}

async fn update(out: Output, changes: Changes) -> Result<(), Failure> {
    let app = open::app().await?;
    let found = sessions::customer(&app, &open::actor(), &changes.id).await?;
    let old = found.ok_or_else(|| Failure::new(format!("there is no customer {}", changes.id)))?.customer;
    let line = Line {
        id: changes.id.to_string(),
        name: changes.name.unwrap_or_else(|| old.name.as_str().to_owned()),
        email: changes.email.or(old.email.map(|e| e.as_str().to_owned())),
        phone: changes.phone.or(old.phone.map(|p| p.as_str().to_owned())),
        password_hash: None,
    };
    let new = checked(&app, &line).map_err(Failure::new)?;
    answer(out, &changes.id, customer::change_contact(&app, &open::actor(), &new).await?)
}

fn answer(out: Output, id: &CustomerId, done: Entered) -> Result<(), Failure> {
    match done {
        Entered::Done => out.say(&json!({ "customer_id": id }), &format!("customer_id: {id}")),
        Entered::Taken => Err(Failure::new(format!("the name {id} is taken by a client, customer or member of staff"))),
        Entered::NotFound => Err(Failure::new(format!("there is no customer {id}"))),
        Entered::Password(refusal) => Err(Failure::new(refusal)),
    }
}

/// A customer out of typed details, or what is wrong with them.
fn checked(app: &App, line: &Line) -> Result<Customer, String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let country = app.settings.phone_country.as_deref();
    let phone = match given(&line.phone) {
        Some(text) => Some(phone::parse(&text, country).ok_or("the telephone number is not one")?),
        None => None,
    };
    Ok(Customer {
        customer_id: CustomerId::parse(&line.id).map_err(|e| e.to_string())?,
        name: PersonName::parse(&line.name).map_err(|e| e.to_string())?,
        email: given(&line.email).map(|text| Email::parse(&text)).transpose().map_err(|e| e.to_string())?,
        phone,
        created_at: app.clock.now(),
        disabled_at: None,
    })
}

async fn import(out: Output, file: &std::path::Path) -> Result<(), Failure> {
    let app = open::app_or_new().await?;
    let mut new = Vec::new();
    let mut numbers = Vec::new();
    let mut wrong = Vec::new();
    for (index, text) in lines(file)?.enumerate() {
        let (number, text) = (index + 1, text?);
        if text.trim().is_empty() {
            continue;
        }
        match one(&app, &text) {
            Ok(customer) => {
                new.push(customer);
                numbers.push(number);
            }
            Err(why) => wrong.push(format!("line {number}: {why}")),
        }
    }
    if !wrong.is_empty() {
        let more = if wrong.len() > 10 { format!("; and {} more", wrong.len() - 10) } else { String::new() };
        wrong.truncate(10);
        return Err(Failure::new(format!("nothing was imported: {}{more}", wrong.join("; "))));
    }
    match customer::import(&app, &open::actor(), &new).await? {
        Ok(()) => out.say(&json!({ "imported": new.len() }), &format!("Imported {} customers.", new.len())),
        Err(index) => {
            let name = &new[index].customer.customer_id;
            Err(Failure::new(format!("nothing was imported: line {}: the name {name} is taken", numbers[index])))
        }
    }
}

type Lines = Box<dyn Iterator<Item = std::io::Result<String>>>;

fn lines(file: &std::path::Path) -> Result<Lines, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin().lines()));
    }
    let opened = std::fs::File::open(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Ok(Box::new(std::io::BufReader::new(opened).lines()))
}

fn one(app: &App, text: &str) -> Result<NewCustomer, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string().replace(" at line 1 column ", " at column ");
        format!("not the JSON expected ({why})")
    })?;
    if line.password_hash.as_ref().is_some_and(|hash| !looks_like_hash(hash)) {
        return Err("password_hash is neither argon2id nor bcrypt".to_owned());
    }
    Ok(NewCustomer { customer: checked(app, &line)?, password_hash: line.password_hash })
}
