//! A parser that answers as its settings say: the same code within a limit and over it.
//!
//! It claims every flow but those on port 502, which are for the innocent parser beside it.

#[cfg(target_arch = "wasm32")]
mod guest {
    use core::cell::RefCell;
    use core::hint::black_box;

    use palisade_sdk::SettingsError;
    use palisade_sdk::bindings::host::palisade::plugin::fault;
    use palisade_sdk::bindings::host::palisade::plugin::types::{Kind, TextColumn};
    use palisade_sdk::bindings::parse::exports::palisade::plugin::parse as wit;
    use palisade_sdk::bindings::plugin::exports::palisade::plugin::plugin as settings;
    use palisade_sdk::{Field, field};
    use settings::{Setting, SettingValue};
    use wit::{Chunk, Column, Incomplete, Outcome, ParseError, Parsed, Recognition, Table, Values};

    thread_local! {
        static TOLD: RefCell<(String, u64)> = const { RefCell::new((String::new(), 0)) };
    }

    struct Hostile;

    fn column(field: Field, values: Values) -> Column {
        Column {
            field: field.0,
            attribute: String::new(),
            valid: Vec::new(),
            offsets: Vec::new(),
            values,
        }
    }

    fn texts(rows: usize, text: &[u8]) -> Values {
        Values::Text(TextColumn {
            offsets: (0..=rows).map(|row| (row * text.len()) as u32).collect(),
            bytes: text.repeat(rows),
        })
    }

    /// A table that the host accepts.
    fn table(rows: usize) -> Table {
        Table {
            kind: Kind::NetworkApp,
            chunks: vec![0; rows],
            columns: vec![
                column(field!("protocol"), texts(rows, b"hostile")),
                column(field!("operation"), texts(rows, b"op")),
                column(field!("direction"), Values::U8s(vec![0; rows])),
            ],
        }
    }

    fn spin(amount: u64) {
        (0..amount).for_each(|i| {
            black_box(i);
        });
    }

    impl settings::Guest for Hostile {
        fn configure(given: Vec<Setting>) -> Result<(), SettingsError> {
            TOLD.with_borrow_mut(|told| {
                for setting in given {
                    match setting.value {
                        SettingValue::Text(act) => told.0 = act,
                        SettingValue::Integer(amount) => told.1 = amount as u64,
                        _ => {}
                    }
                }
            });
            Ok(())
        }
    }

    impl wit::Guest for Hostile {
        fn probe(chunks: Vec<Chunk>, _: Vec<u8>) -> Vec<Recognition> {
            let (act, amount) = TOLD.with_borrow(Clone::clone);
            let mut answers: Vec<Recognition> = chunks
                .iter()
                .map(|chunk| match (chunk.port, act.as_str()) {
                    (502, _) => Recognition::No,
                    (_, "probe-more") => Recognition::More,
                    _ => Recognition::Yes,
                })
                .collect();
            let mine = chunks.iter().any(|chunk| chunk.port != 502);
            match act.as_str() {
                "probe-trap" if mine => panic!("as told"),
                "probe-abort" if mine => {
                    fault::abort(&"x".repeat(amount as usize), "p\u{1b}.c", 3, 4);
                }
                "probe-spin" if mine => spin(amount),
                "probe-length" => answers.extend((0..amount).map(|_| Recognition::No)),
                _ => {}
            }
            answers
        }

        fn parse(chunks: Vec<Chunk>, _: Vec<u8>) -> Parsed {
            let (act, amount) = TOLD.with_borrow(Clone::clone);
            let size = amount as usize;
            let mut outcomes = vec![Outcome::Done; chunks.len()];
            let mut table = table(1);
            let mut more = Vec::new();
            match act.as_str() {
                "trap" => panic!("as told"),
                "spin" => spin(amount),
                // Memory that it never gives back, in every instance that parses.
                "grow" => core::mem::forget(vec![1u8; size]),
                "outcomes" => outcomes.extend(vec![Outcome::Done; size]),
                "kept" => {
                    let kept = Incomplete {
                        kept: amount as u32,
                        needed: 0,
                    };
                    outcomes.fill(Outcome::Incomplete(kept));
                }
                "forever" => {
                    for (outcome, chunk) in outcomes.iter_mut().zip(&chunks) {
                        let kept = Incomplete {
                            kept: chunk.length,
                            needed: 0,
                        };
                        *outcome = Outcome::Incomplete(kept);
                    }
                }
                "handover" => outcomes.fill(Outcome::Handover(amount as u32)),
                "error-offset" => outcomes.fill(Outcome::Error(ParseError {
                    offset: amount as u32,
                    message: "e".into(),
                })),
                "message" => outcomes.fill(Outcome::Error(ParseError {
                    offset: 0,
                    message: "\u{1b}[2J\u{202e}".repeat(size),
                })),
                "events" => table = self::table(size),
                "tables" => more = (1..size).map(|_| self::table(1)).collect(),
                "kind" if amount > 0 => table.kind = Kind::DeviceMessage,
                "chunk" => table.chunks = vec![amount as u32],
                "descending" => {
                    table = self::table(2);
                    table.chunks = vec![amount as u32, 0];
                }
                "short-column" => table.columns[2].values = Values::U8s(vec![0; size]),
                "column-type" if amount > 0 => table.columns[2].values = Values::U64s(vec![0]),
                "enum" => table.columns[2].values = Values::U8s(vec![amount as u8]),
                "valid" => table.columns[2].valid = vec![1; size],
                "text-offsets" => {
                    table.columns[0].values = Values::Text(TextColumn {
                        offsets: vec![0, amount as u32],
                        bytes: b"hostile".to_vec(),
                    });
                }
                "text-backwards" if amount > 0 => {
                    table.columns[0].values = Values::Text(TextColumn {
                        offsets: vec![7, 0],
                        bytes: b"hostile".to_vec(),
                    });
                }
                "not-text" if amount > 0 => table.columns[0].values = texts(1, b"\xff\xfe"),
                "twice" if amount > 0 => table.columns.push(table.columns[0].clone()),
                "endpoint" if amount > 0 => {
                    let port = column(field!("dst.port"), Values::U16s(vec![22]));
                    table.columns.push(port);
                }
                "bytes" => table.columns[0].values = texts(1, &vec![b'x'; size]),
                _ => {}
            }
            more.push(table);
            Parsed {
                outcomes,
                tables: more,
            }
        }

        fn close(_: Vec<u32>) {
            let (act, _) = TOLD.with_borrow(Clone::clone);
            assert_ne!(act, "close-trap", "as told");
        }
    }

    palisade_sdk::bindings::plugin::export!(Hostile with_types_in palisade_sdk::bindings::plugin);
    palisade_sdk::bindings::parse::export!(Hostile with_types_in palisade_sdk::bindings::parse);
}
