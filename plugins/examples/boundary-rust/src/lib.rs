//! The boundary example in Rust, on the bare bindings.

wit_bindgen::generate!({
    path: "../../../wit/v0.1",
    world: "detector",
    generate_all,
});

use exports::palisade::plugin::evaluate::Guest as Evaluate;
use exports::palisade::plugin::plugin::{Guest as Plugin, Setting, SettingValue, SettingsError};
use palisade::plugin::batch;
use palisade::plugin::findings::{self, Finding};
use std::cell::Cell;

const fn field(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
}

thread_local! { static LIMIT: Cell<u64> = const { Cell::new(0) }; }

struct Boundary;

impl Plugin for Boundary {
    fn configure(settings: Vec<Setting>) -> Result<(), SettingsError> {
        for setting in settings {
            if setting.name == "bytes-out-over" {
                match setting.value {
                    SettingValue::Integer(n) if n >= 0 => LIMIT.set(n as u64),
                    _ => {
                        return Err(SettingsError {
                            name: setting.name,
                            message: "want a whole number of at least 0".into(),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Evaluate for Boundary {
    fn evaluate(_subscription: u32, _rows: u32) {
        let limit = LIMIT.get();
        let ports = batch::u16s(field("dst.port"));
        let bytes = batch::u64s(field("bytes-out"));
        let sources = batch::addresses(field("src.ip"));
        for (row, (&port, &out)) in ports.iter().zip(&bytes).enumerate() {
            if !matches!(port, 23 | 1883 | 5683) || out <= limit {
                continue;
            }
            let mut address = [0; 16];
            address.copy_from_slice(&sources[row * 16..row * 16 + 16]);
            findings::emit(&Finding {
                rule: "boundary-1".into(),
                severity: None,
                subject: format!("address:{}", std::net::Ipv6Addr::from(address).to_canonical()),
                summary: format!("{out} bytes sent to port {port}"),
                rows: vec![row as u32],
                events: vec![],
                details: vec![],
                actions: vec![],
            });
        }
    }
}

export!(Boundary);
