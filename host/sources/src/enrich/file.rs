//! Reads and checks `networks.toml`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use palisade_events::Digest;
use serde::Deserialize;

use super::ranges::{Ranges, order};
use super::{Belonging, Networks, Vlan};
use crate::parse_mac;

/// Most bytes of a dataset.
const MAX_BYTES: usize = 4 << 20;
/// What an operator lists is the operator's own, unless it or a wider entry says otherwise.
const LOCAL: bool = true;
/// Most problems that are told.
const MAX_PROBLEMS: usize = 50;

/// Why a dataset is refused.
#[derive(Debug, thiserror::Error)]
pub enum NetworksError {
    /// It is not TOML, or has other keys than it may have.
    #[error("networks.toml: {}", palisade_events::toml_words(&.0.to_string(), .0.message()))]
    Syntax(Box<toml::de::Error>),
    /// It is too large.
    #[error("networks.toml has {0} bytes; at most {MAX_BYTES} are read")]
    Size(usize),
    /// The host has panicked over it.
    #[error("networks.toml: the host panicked while it read it: {0}")]
    Panicked(palisade_events::Panicked),
    /// Entries are wrong.
    #[error("networks.toml has {} wrong entries:{}", .0.len(), list(.0))]
    Entries(Vec<Problem>),
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The entry, from 1.
    pub entry: usize,
    /// The line at which it begins, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, network {}: {}",
            self.line, self.entry, self.problem
        )
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    network: Vec<toml::Spanned<Entry>>,
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl<T> OneOrMore<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    cidr: OneOrMore<String>,
    #[serde(default)]
    vlan: OneOrMore<u16>,
    #[serde(default)]
    mac: OneOrMore<String>,
    tenant: Option<String>,
    customer: Option<String>,
    subscriber: Option<String>,
    device: Option<String>,
    user: Option<String>,
    segment: Option<String>,
    local: Option<bool>,
}

impl Entry {
    fn belonging(&self) -> Belonging {
        let text = |field: &Option<String>| field.as_deref().map(Arc::from);
        Belonging {
            tenant: text(&self.tenant),
            customer: text(&self.customer),
            subscriber: text(&self.subscriber),
            device: text(&self.device),
            user: text(&self.user),
            segment: text(&self.segment),
            local: self.local,
        }
    }
}

/// Places as they are collected, before they are put in order.
#[derive(Default)]
struct Places {
    nets: HashMap<Option<u16>, Vec<(IpNet, usize)>>,
    vlans: HashMap<u16, Belonging>,
    macs: HashMap<[u8; 6], Belonging>,
    seen: BTreeSet<(Option<u16>, IpNet)>,
}

pub(super) fn parse(text: &str) -> Result<Networks, NetworksError> {
    if text.len() > MAX_BYTES {
        return Err(NetworksError::Size(text.len()));
    }
    let document: Document =
        toml::from_str(text).map_err(|error| NetworksError::Syntax(Box::new(error)))?;
    let mut problems = Vec::new();
    let mut places = Places::default();
    let mut said = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for (at, entry) in document.network.iter().enumerate() {
        // Spans are in order, so that lines are counted once.
        let start = entry.span().start.clamp(counted, text.len());
        line += text.as_bytes()[counted..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        counted = start;
        let entry = entry.get_ref();
        said.push(entry.belonging());
        let mut complain = |problem: String| {
            if problems.len() < MAX_PROBLEMS {
                problems.push(Problem {
                    entry: at + 1,
                    line,
                    problem,
                });
            }
        };
        check_texts(entry, &mut complain);
        collect(entry, at, &mut places, &mut complain);
    }
    if !problems.is_empty() {
        return Err(NetworksError::Entries(problems));
    }
    Ok(build(text, &said, places))
}

fn check_texts(entry: &Entry, complain: &mut impl FnMut(String)) {
    let texts = [
        ("tenant", &entry.tenant),
        ("customer", &entry.customer),
        ("subscriber", &entry.subscriber),
        ("device", &entry.device),
        ("user", &entry.user),
        ("segment", &entry.segment),
    ];
    for (name, text) in texts {
        let Some(text) = text else { continue };
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            complain(format!(
                "`{name}` must have 1 to 256 bytes and no control characters"
            ));
        }
    }
}

fn collect(entry: &Entry, at: usize, places: &mut Places, complain: &mut impl FnMut(String)) {
    let (cidrs, vlans, macs) = (
        entry.cidr.as_slice(),
        entry.vlan.as_slice(),
        entry.mac.as_slice(),
    );
    if cidrs.is_empty() && vlans.is_empty() && macs.is_empty() {
        complain("it names no place; give `cidr`, `vlan` or `mac`".to_owned());
    }
    if !macs.is_empty() && (!cidrs.is_empty() || !vlans.is_empty()) {
        complain("`mac` stands alone; make an entry of its own for `cidr` and `vlan`".to_owned());
    }
    for vlan in vlans.iter().filter(|vlan| !(1..=4094).contains(*vlan)) {
        complain(format!(
            "VLAN {vlan} does not exist; they are numbered 1 to 4094"
        ));
    }
    for text in macs {
        match parse_mac(text) {
            None => complain(format!(
                "`{}` is no hardware address; write 00:0c:29:ab:cd:ef",
                text.escape_debug()
            )),
            Some(mac) if places.macs.insert(mac, entry.belonging()).is_some() => {
                complain(format!("the hardware address {text} has an entry already"));
            }
            Some(_) => {}
        }
    }
    let nets: Vec<IpNet> = cidrs
        .iter()
        .filter_map(|text| network(text, complain))
        .collect();
    if cidrs.is_empty() {
        for vlan in vlans {
            if places.vlans.insert(*vlan, entry.belonging()).is_some() {
                complain(format!("VLAN {vlan} has an entry already"));
            }
        }
        return;
    }
    let within: Vec<Option<u16>> = if vlans.is_empty() {
        vec![None]
    } else {
        vlans.iter().copied().map(Some).collect()
    };
    for vlan in within {
        for net in &nets {
            if places.seen.insert((vlan, *net)) {
                places.nets.entry(vlan).or_default().push((*net, at));
            } else {
                complain(format!("{net} has an entry already"));
            }
        }
    }
}

/// A network in CIDR notation; an address alone is a network of one.
fn network(text: &str, complain: &mut impl FnMut(String)) -> Option<IpNet> {
    let parsed = match text.parse::<IpNet>() {
        Ok(net) => Ok(net),
        Err(_) => text.parse::<std::net::IpAddr>().map(IpNet::from),
    };
    match parsed {
        Err(_) => {
            let text = text.escape_debug();
            complain(format!(
                "`{text}` is no network; write 10.0.0.0/8 or 2001:db8::/32"
            ));
            None
        }
        Ok(net) if net.addr() != net.network() => {
            complain(format!(
                "{net} has bits beyond its length; did you mean {}?",
                net.trunc()
            ));
            None
        }
        Ok(net) => Some(net),
    }
}

fn build(text: &str, said: &[Belonging], places: Places) -> Networks {
    let mut all = vec![Belonging::default()];
    let mut index: HashMap<Belonging, u32> = HashMap::new();
    let mut ranges = |mut nets: Vec<(IpNet, usize)>| {
        nets.sort_by_key(|(net, _)| order(net));
        let (nets, entries): (Vec<IpNet>, Vec<usize>) = nets.into_iter().unzip();
        Ranges::new(&nets, |at, wider| {
            let own = entries.get(at).and_then(|entry| said.get(*entry)).cloned();
            let wider = wider
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| all.get(at));
            let own = own.unwrap_or_default();
            let mut combined = wider.map_or_else(|| own.clone(), |wider| own.over(wider));
            combined.local.get_or_insert(LOCAL);
            *index.entry(combined).or_insert_with_key(|combined| {
                all.push(combined.clone());
                // There are fewer than 2^32 entries in 4 MiB.
                u32::try_from(all.len() - 1).unwrap_or(0)
            })
        })
    };
    let mut addresses = Ranges::default();
    let mut vlans: HashMap<u16, Vlan> = HashMap::new();
    for (vlan, nets) in places.nets {
        let made = ranges(nets);
        match vlan {
            Some(id) => vlans.entry(id).or_default().addresses = made,
            None => addresses = made,
        }
    }
    for (id, mut whole) in places.vlans {
        whole.local.get_or_insert(LOCAL);
        vlans.entry(id).or_default().whole = whole;
    }
    let mut macs = places.macs;
    for said in macs.values_mut() {
        said.local.get_or_insert(LOCAL);
    }
    let tenants = said.iter().any(|said| said.tenant.is_some());
    let digest = Digest::of(text.as_bytes());
    Networks {
        digest,
        all,
        addresses,
        vlans,
        macs,
        tenants,
    }
}
