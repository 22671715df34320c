//! Writes tiny files in MaxMind's format (the public MaxMind DB specification 2.0): a search tree over IPv6 with IPv4 below
//! `::/96`, 24-bit records, a data section and the metadata.

use std::net::IpAddr;

use serde_json::{Value, json};

/// What stands before the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where a branch of the tree leads.
#[derive(Clone, Copy)]
enum Branch {
    Nowhere,
    Node(usize),
    Data(usize),
}

/// A file that knows these networks, such as `("192.0.2.0/24", {"country": {"iso_code": "KE"}})`.
pub fn write(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nowhere; 2]];
    let mut data = Vec::new();
    for (network, value) in networks {
        let offset = data.len();
        encode(value, &mut data);
        insert(&mut nodes, network, Branch::Data(offset));
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for branch in nodes.iter().flatten() {
        let record = match branch {
            Branch::Nowhere => count,
            Branch::Node(node) => *node,
            Branch::Data(offset) => count + 16 + offset,
        };
        file.extend_from_slice(&u32::try_from(record).expect("a small file").to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&data);
    file.extend_from_slice(MARKER);
    metadata(database_type, count, &mut file);
    file
}

/// City and country, as GeoLite2 City has them.
pub fn city(city: &str, country: &str, code: &str) -> Value {
    json!({
        "city": { "names": { "de": "Stadt", "en": city } },
        "country": { "iso_code": code, "names": { "de": "Land", "en": country } },
    })
}

/// A country alone, as GeoLite2 Country has it.
pub fn country(name: &str, code: &str) -> Value {
    json!({ "country": { "iso_code": code, "names": { "en": name } } })
}

fn insert(nodes: &mut Vec<[Branch; 2]>, network: &str, leaf: Branch) {
    let (address, bits) = network.split_once('/').expect("a network");
    let bits: usize = bits.parse().expect("bits");
    let (address, bits) = match address.parse().expect("an address") {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), bits + 96),
        IpAddr::V6(v6) => (v6.to_bits(), bits),
    };
    let mut at = 0;
    for depth in 0..bits {
        let side = usize::from(address >> (127 - depth) & 1 == 1);
        if depth + 1 == bits {
            nodes[at][side] = leaf;
            return;
        }
        at = if let Branch::Node(next) = nodes[at][side] {
            next
        } else {
            nodes.push([Branch::Nowhere; 2]);
            let next = nodes.len() - 1;
            nodes[at][side] = Branch::Node(next);
            next
        };
    }
}

/// Control byte, with the size where it does not fit in five bits; types above 7 take a byte of their own.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let short = u8::try_from(size.min(29)).expect("29 at most");
    out.push(if kind > 7 { short } else { kind << 5 | short });
    if kind > 7 {
        out.push(kind - 7);
    }
    if size >= 29 {
        out.push(u8::try_from(size - 29).expect("texts of tests are short"));
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    control(2, value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(value) => text(value, out),
        Value::Object(members) => {
            control(7, members.len(), out);
            for (name, member) in members {
                text(name, out);
                encode(member, out);
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            for item in items {
                encode(item, out);
            }
        }
        other => panic!("{other} is not written here"),
    }
}

fn metadata(database_type: &str, nodes: usize, out: &mut Vec<u8>) {
    let number = |kind, bytes: &[u8], out: &mut Vec<u8>| {
        control(kind, bytes.len(), out);
        out.extend_from_slice(bytes);
    };
    control(7, 9, out);
    for (name, value) in [
        ("binary_format_major_version", 2_u16),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 24),
    ] {
        text(name, out);
        number(5, &value.to_be_bytes(), out);
    }
    text("node_count", out);
    number(6, &u32::try_from(nodes).expect("a small tree").to_be_bytes(), out);
    text("build_epoch", out);
    number(9, &1_760_000_000_u64.to_be_bytes(), out);
    text("database_type", out);
    text(database_type, out);
    text("languages", out);
    encode(&json!(["en"]), out);
    text("description", out);
    encode(&json!({ "en": "made by a test" }), out);
}
