//! A detector that does what its settings say: the same code within a limit and over it.
//!
//! After the act it files one finding for every row, so that a test sees that it was let.

use core::hint::black_box;

use palisade_sdk::bindings::host::palisade::plugin as host;
use palisade_sdk::{
    Batch, Detector, Fired, OnTimer, Settings, SettingsError, Table, field, log, timers,
};

use host::findings::{self, Action, Finding};
use host::types::{Attribute, AttributeValue, Obligation};

const COUNTS: Table = Table(0);
const VALUES: Table = Table(1);
/// Timers that `when = "on-timers"` sets.
const TIMERS: u32 = 512;

struct Hostile {
    act: String,
    amount: u64,
    when: String,
    trigger: i64,
}

impl Detector for Hostile {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let hostile = Hostile {
            act: settings.text("act")?.to_owned(),
            amount: settings.count("amount")?,
            when: settings.text("when")?.to_owned(),
            trigger: settings.integer("trigger")?,
        };
        if hostile.when == "configure" {
            if hostile.act == "refuse" {
                let message = "\u{1b}[2J\u{202e}".repeat(hostile.amount as usize);
                return Err(SettingsError::new("act\u{1b}[31m", message));
            }
            hostile.act();
        }
        Ok(hostile)
    }

    fn evaluate(&mut self, batch: &Batch) {
        let ports = batch.u16s(field!("dst.port"));
        let triggered = self.trigger < 0 || ports.iter().any(|p| i64::from(*p) == self.trigger);
        match self.when.as_str() {
            "evaluate" if triggered => self.act(),
            "on-timer" => timers::set("t", "k", 1),
            "on-timers" => (0..TIMERS).for_each(|i| timers::set("t", &i.to_string(), 1)),
            _ => {}
        }
        if self.act == "quiet" {
            return;
        }
        for row in 0..batch.len() as u32 {
            let finding = Finding {
                rows: vec![row],
                ..plain()
            };
            findings::emit(&finding);
        }
    }
}

impl OnTimer for Hostile {
    fn on_timer(&mut self, _: &[Fired]) {
        if self.when == "on-timers" {
            self.act();
        }
        if self.when == "on-timer" {
            self.act();
            findings::emit(&Finding {
                subject: "timer".into(),
                ..plain()
            });
        }
    }
}

/// A finding within every limit, but for what it cites.
fn plain() -> Finding {
    Finding {
        rule: "hostile-1".into(),
        severity: None,
        subject: String::new(),
        summary: String::new(),
        rows: Vec::new(),
        events: Vec::new(),
        details: Vec::new(),
        actions: Vec::new(),
    }
}

fn detail(name: &str, value: AttributeValue) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value,
    }
}

/// Bytes that are no UTF-8, as a guest in another language can send them.
#[allow(unsafe_code)]
fn not_text() -> String {
    // SAFETY: none. The string is invalid on purpose, and goes nowhere but to the host.
    unsafe { String::from_utf8_unchecked(vec![0x61, 0xff, 0xfe]) }
}

fn recurse(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    // Kept from becoming a loop; most of it lies on the host's stack, not in memory.
    let below = recurse(black_box(depth - 1));
    black_box(below) + 1
}

impl Hostile {
    /// The act. Every finding here cites row 0.
    fn act(&self) {
        let amount = self.amount;
        let size = amount as usize;
        let text = || "x".repeat(size);
        let cite = Finding {
            rows: vec![0],
            ..plain()
        };
        let emit = |finding: Finding| findings::emit(&finding);
        match self.act.as_str() {
            // Time, stack, memory.
            "spin" => (0..amount).for_each(|i| {
                black_box(i);
            }),
            "recurse" => {
                black_box(recurse(amount));
            }
            "grow" => grow(size),
            "trap" => panic!("as told"),
            // Of what the rest of the call says it is not known which row it is about.
            "slow-retraction" => {
                (0..amount).for_each(|i| {
                    black_box(i);
                });
                findings::retract("hostile-1", "s");
            }
            "unreachable" => unreachable(),
            "abort" => host::fault::abort(
                &format!("why\u{1b}[2J\n    at \u{202e}frame\n{}", text()),
                "src/\u{1b}[31mforged\n\u{202e}.rs",
                u32::MAX,
                0,
            ),
            // Findings: how many, how large, what they cite.
            "findings" => (0..amount).for_each(|_| findings::emit(&cite)),
            "retractions" => (0..amount).for_each(|_| findings::retract("hostile-1", "s")),
            "rule" => emit(Finding {
                rule: "hostile-\u{1b}[31m2".into(),
                ..cite
            }),
            "subject" => emit(Finding {
                subject: text(),
                ..cite
            }),
            "summary" => emit(Finding {
                summary: text(),
                ..cite
            }),
            "details" => emit(Finding {
                details: (0..amount)
                    .map(|i| detail(&i.to_string(), AttributeValue::Number(0.0)))
                    .collect(),
                ..cite
            }),
            "detail-bytes" => emit(Finding {
                details: vec![detail("d", AttributeValue::Text(text()))],
                ..cite
            }),
            "detail-number" => emit(Finding {
                details: vec![detail("d", AttributeValue::Number(f64::from_bits(amount)))],
                ..cite
            }),
            "actions" => emit(Finding {
                actions: vec![Action::HoldEvidence; size],
                ..cite
            }),
            "action-text" => emit(Finding {
                actions: vec![Action::OpenObligation(Obligation {
                    id: "i".into(),
                    key: "k".into(),
                    duty: text(),
                    due: 0,
                    on_expiry: String::new(),
                })],
                ..cite
            }),
            "bulky-findings" => {
                let action = Action::Escalate("x".repeat(1024));
                let bulky = Finding {
                    actions: vec![action; 16],
                    // Timers have no rows.
                    ..if self.when == "on-timers" {
                        plain()
                    } else {
                        cite
                    }
                };
                (0..amount).for_each(|_| findings::emit(&bulky));
            }
            "cited-rows" => emit(Finding {
                rows: vec![0; size],
                ..plain()
            }),
            "cite-row" => emit(Finding {
                rows: vec![amount as u32],
                ..plain()
            }),
            "cite-event" => emit(Finding {
                events: vec![amount],
                ..plain()
            }),
            "cite-nothing" => emit(plain()),
            "citations" => {
                COUNTS.count(&[0]);
                emit(Finding {
                    events: COUNTS.citations(0),
                    ..plain()
                });
            }
            "not-text" => emit(Finding {
                summary: if amount == 0 {
                    "text".into()
                } else {
                    not_text()
                },
                ..cite
            }),
            "escapes" => emit(Finding {
                subject: "\u{1b}]0;pwned\u{7}\u{202e}".into(),
                summary: "\u{1b}[2J\u{1b}[31mred\r\n\u{9b}1m".into(),
                ..cite
            }),
            // The batch.
            "calls" => (0..amount).for_each(|_| {
                black_box(host::batch::current_kind());
            }),
            "fetch-row" => {
                black_box(host::network_flow::rows(&[amount as u32]));
            }
            "fetch-rows" => {
                black_box(host::network_flow::rows(&vec![0; size]));
            }
            "other-field" => {
                black_box(host::batch::u16s(field!("src.port").0));
            }
            "wrong-type" => {
                black_box(host::batch::u8s(field!("dst.port").0));
            }
            "batch" => {
                black_box(host::batch::current_kind());
            }
            "emit" => emit(plain()),
            // State, timers, log.
            "put" => VALUES.put("k", &vec![0; size]),
            "put-again" => (0..amount).for_each(|_| VALUES.put("k", &[0; 60 << 10])),
            "put-key" => VALUES.put(&text(), b"v"),
            "put-keys" => (0..amount).for_each(|i| VALUES.put(&i.to_string(), b"v")),
            "get-table" => {
                black_box(Table(amount as u32).get("k"));
            }
            "count-rows" => {
                black_box(COUNTS.count(&vec![0; size]));
            }
            "timers" => (0..amount).for_each(|i| timers::set("flood", &i.to_string(), u64::MAX)),
            "timer-name" => timers::set(&text(), "", u64::MAX),
            "log" => (0..amount).for_each(|i| log::info(&i.to_string())),
            "log-bytes" => log::info(&text()),
            "log-escapes" => log::info("\u{1b}[2J\u{202e}log"),
            // Arithmetic whose NaN differs between processors unless the host sees to it.
            "nan" => {
                let nan = black_box(f64::from_bits(0xfff4_0000_dead_beef));
                let zero = black_box(0.0_f64);
                let bits = [
                    nan + 1.0,
                    zero / zero,
                    black_box(-1.0_f64).sqrt(),
                    nan * 2.0,
                ]
                .map(|value| format!("{:016x}", black_box(value).to_bits()));
                emit(Finding {
                    summary: bits.join(" "),
                    ..cite
                });
            }
            _ => {}
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn grow(pages: usize) {
    // A refused growth answers -1; the host ends the call before that.
    assert_ne!(core::arch::wasm32::memory_grow(0, pages), usize::MAX);
}

#[cfg(not(target_arch = "wasm32"))]
fn grow(_: usize) {}

/// A trap without a word, as a guest in another language has them.
fn unreachable() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable()
}

palisade_sdk::export_detector!(Hostile, on_timer);
