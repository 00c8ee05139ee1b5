//! Datasets and networks: loading, and look-ups of texts, numbers and addresses in them. What the
//! index finds is compared with what each entry says by itself.

#![no_main]

use std::net::IpAddr;

use arbitrary::{Result, Unstructured};
use palisade_events::{Column, IpAddress, Values};
use palisade_fuzz::{MIB, splice, text};
use palisade_sources::enrich::{Networks, Place};
use palisade_state::datasets::{Dataset, DatasetLimits, EntryKind, Scratch};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_fuzz::run(32 * MIB, || {
        let mut u = Unstructured::new(data);
        let _ = match u.arbitrary::<u8>().unwrap_or(0) % 4 {
            0 => networks(&mut u),
            _ => dataset(&mut u),
        };
    });
});

fn networks(u: &mut Unstructured<'_>) -> Result<()> {
    let file = splice::text(u, include_str!("../seeds/networks.toml"))?;
    if let Ok(networks) = Networks::parse(&file) {
        for _ in 0..4 {
            let place = Place {
                ip: address(u)?.into(),
                vlan: u.arbitrary()?,
                mac: u.arbitrary()?,
            };
            networks.resolve(
                &place,
                &Place {
                    ip: address(u)?.into(),
                    ..Place::default()
                },
            );
        }
    }
    Ok(())
}

fn address(u: &mut Unstructured<'_>) -> Result<IpAddr> {
    let near: [u8; 2] = u.arbitrary()?;
    Ok(match near[0] % 4 {
        0 => IpAddr::from([10, 0, near[1] & 3, near[1]]),
        1 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(near[1])]),
        2 => IpAddr::from(u.arbitrary::<[u8; 4]>()?),
        _ => IpAddr::from(u.arbitrary::<[u8; 16]>()?),
    })
}

/// A value as the kind of entry has it, or nearly.
fn value(u: &mut Unstructured<'_>, kind: EntryKind) -> Result<String> {
    let host = [
        "a.example",
        "b.a.example",
        "example",
        "xn--x",
        "a..b",
        "*.a",
        "A.Example.",
    ];
    let near: u8 = u.arbitrary()?;
    if near > 0xf0 {
        let length = usize::from(near & 15).min(u.len());
        return Ok(String::from_utf8_lossy(u.bytes(length)?).into_owned());
    }
    let host = host[usize::from(near) % host.len()];
    Ok(match kind {
        EntryKind::Ipv4 | EntryKind::Ipv6 => address(u)?.to_string(),
        EntryKind::Cidr => {
            let address = address(u)?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let length: u8 = u.arbitrary::<u8>()? % (bits + 4);
            let shift = u32::from(128 - (length.saturating_add(128 - bits)).min(128));
            let masked = u128::from_be_bytes(IpAddress::from(address).0);
            let masked = masked
                .checked_shr(shift)
                .unwrap_or(0)
                .checked_shl(shift)
                .unwrap_or(0);
            match address {
                IpAddr::V4(_) => format!("{}/{length}", std::net::Ipv4Addr::from(masked as u32)),
                IpAddr::V6(_) => format!("{}/{length}", std::net::Ipv6Addr::from(masked)),
            }
        }
        EntryKind::Domain => host.to_owned(),
        EntryKind::Url => format!("http://{host}/{near}"),
        EntryKind::Sha256 => format!("{near:064X}"),
        EntryKind::Email => format!("{near}@{host}"),
        EntryKind::Text => near.to_string(),
    })
}

fn dataset(u: &mut Unstructured<'_>) -> Result<()> {
    let mut lines = String::new();
    let mut values = Vec::new();
    for _ in 0..u.int_in_range(1..=12_u8)? {
        let kind = EntryKind::ALL[usize::from(u.arbitrary::<u8>()?) % 8];
        let value = value(u, kind)?;
        let shape: u8 = u.arbitrary()?;
        let more = match shape {
            0..0xc0 => String::new(),
            0xc0..0xe0 => format!(r#","valid_from":{}"#, text::json(u, 0)?),
            0xe0..0xf0 => format!(r#","valid_until":"2024-01-{:02}T00:00:00Z""#, shape & 15),
            _ => format!(r#","a{shape}":{}"#, text::json(u, 1)?),
        };
        let quoted = serde_json::Value::from(value.as_str());
        lines.push_str(&format!(
            "{{\"kind\":\"{}\",\"value\":{quoted}{more}}}\n",
            kind.name()
        ));
        values.push(value);
    }
    if u.arbitrary::<u8>()? > 0xf0 {
        lines = splice::text(u, &lines)?;
    }
    // Queries come from guests and events: a dataset that is refused is not asked, so the lines
    // that make it so are left out.
    let good: String = lines
        .lines()
        .filter(|line| Dataset::parse("d", line.as_bytes(), &DatasetLimits::default()).is_ok())
        .map(|line| format!("{line}\n"))
        .collect();
    let _ = Dataset::parse("d", lines.as_bytes(), &DatasetLimits::default());
    let Ok(dataset) = Dataset::parse("d", good.as_bytes(), &DatasetLimits::default()) else {
        return Ok(());
    };
    for (at, entry) in (0u32..).zip(dataset.entries()) {
        assert!(
            dataset.lookup(&entry.value).contains(&at),
            "{entry:?} is found by its value"
        );
    }
    for _ in 0..4 {
        let kind = EntryKind::ALL[usize::from(u.arbitrary::<u8>()?) % 8];
        values.push(value(u, kind)?);
    }
    for value in &values {
        for at in dataset.lookup(value) {
            let found = dataset.entry(at).expect("what is found is there");
            assert_eq!(*found.value, **value, "what is found is it");
        }
    }
    query(u, &dataset, &values)
}

fn query(u: &mut Unstructured<'_>, dataset: &Dataset, values: &[String]) -> Result<()> {
    let time: u64 = match u.arbitrary::<bool>()? {
        true => 1_704_500_000_000_000_000,
        false => u.arbitrary()?,
    };
    let mut offsets = vec![0];
    offsets.extend(values.iter().scan(0u32, |end, value| {
        *end += value.len() as u32;
        Some(*end)
    }));
    let mut all: Vec<IpAddr> = values
        .iter()
        .filter_map(|value| value.parse().ok())
        .collect();
    for _ in 0..4 {
        all.push(address(u)?);
    }
    let bytes = all.iter().flat_map(|ip| IpAddress::from(*ip).0).collect();
    let numbers: [u64; 4] = u.arbitrary()?;
    let columns = [
        Values::Text {
            offsets: offsets.into(),
            bytes: values.concat().into_bytes().into(),
        },
        Values::Address(bytes),
        Values::U64(numbers.to_vec().into()),
        Values::F64(numbers.iter().map(|n| f64::from_bits(*n)).collect()),
        Values::U8(numbers.iter().map(|n| *n as u8).collect()),
    ];
    let mut scratch = Scratch::default();
    for values in columns {
        let column = Column {
            values,
            offsets: None,
            valid: None,
        };
        let rows = (0..column.rows() as u32).map(|row| (row, time));
        let hits = dataset
            .matches(&column, rows)
            .expect("few rows match few entries");
        for row in 0..column.rows() {
            let hit = hits.iter().any(|hit| hit.row as usize == row);
            assert_eq!(dataset.contains(&column, row, time, &mut scratch), hit);
        }
        if matches!(column.values, Values::Address(_)) {
            for (row, ip) in all.iter().enumerate() {
                let expected = (0u32..).zip(dataset.entries()).filter_map(|(at, entry)| {
                    (entry.is_valid_at(time) && holds(entry.kind, &entry.value, *ip)).then_some(at)
                });
                let found = hits
                    .iter()
                    .filter(|hit| hit.row as usize == row)
                    .map(|hit| hit.entry);
                assert!(found.eq(expected), "entries that hold {ip}");
            }
        }
    }
    Ok(())
}

/// Whether an entry holds an address, bit by bit.
fn holds(kind: EntryKind, value: &str, ip: IpAddr) -> bool {
    let (network, length) = match kind {
        EntryKind::Ipv4 | EntryKind::Ipv6 => (value, None),
        EntryKind::Cidr => match value.split_once('/') {
            Some((network, length)) => (network, length.parse::<u32>().ok()),
            None => return false,
        },
        _ => return false,
    };
    let Ok(network) = network.parse::<IpAddr>() else {
        return false;
    };
    let ip = IpAddress::from(ip).to_std();
    if network.is_ipv4() != ip.is_ipv4() {
        return false;
    }
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
        IpAddr::V6(ip) => u128::from(ip),
    };
    let same = (bits(network) ^ bits(ip)).leading_zeros();
    same >= length.unwrap_or(if ip.is_ipv4() { 32 } else { 128 })
}
