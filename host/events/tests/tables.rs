//! Columns from parsers: honest ones become the events they mean, others an error.

mod common;

use common::{batch, for_every_kind, source};
use palisade_events::table::{
    FlowContext, HostColumns, TableColumn, TableError, TableProblem, TableValues, segment,
};
use palisade_events::{
    Batch, Body, Column, Direction, Endpoint, FieldId, FieldType, FlowId, Kind, Owner, Timestamp,
    Transport, Values, batches, field,
};

fn context(at: u64) -> FlowContext {
    FlowContext {
        owner: Owner {
            device: Some(format!("d-{at}")),
            ..Owner::default()
        },
        src: Endpoint {
            ip: "10.0.0.5".parse().expect("an address"),
            port: Some(40_000),
            ..Endpoint::default()
        },
        dst: Endpoint {
            ip: "2001:db8::1".parse().expect("an address"),
            port: Some(502),
            ..Endpoint::default()
        },
        flow: Some(FlowId {
            id: at,
            community_id: "1:abc=".to_owned(),
        }),
        transport: Transport::Udp,
        direction: Direction::Lateral,
    }
}

fn host(rows: usize) -> HostColumns {
    let mut host = HostColumns::default();
    for at in (0u64..).take(rows) {
        host.push(Timestamp(at * 7), Timestamp(at * 7 + 1), &context(at));
    }
    host
}

fn column(name: &str, values: TableValues) -> TableColumn {
    let attribute = name.strip_prefix("attributes.").unwrap_or("").to_owned();
    let (valid, offsets) = (Vec::new(), Vec::new());
    TableColumn {
        field: FieldId::of(name),
        attribute,
        valid,
        offsets,
        values,
    }
}

fn text(texts: &[&str]) -> TableValues {
    let mut offsets = vec![0];
    let mut end = 0;
    for text in texts {
        end += u32::try_from(text.len()).expect("short");
        offsets.push(end);
    }
    TableValues::Text {
        offsets,
        bytes: texts.concat().into_bytes(),
    }
}

fn table_values(values: &Values) -> Option<TableValues> {
    Some(match values {
        Values::U8(values) => TableValues::U8(values.to_vec()),
        Values::U16(values) => TableValues::U16(values.to_vec()),
        Values::U32(values) => TableValues::U32(values.to_vec()),
        Values::U64(values) => TableValues::U64(values.to_vec()),
        Values::F64(values) => TableValues::F64(values.to_vec()),
        Values::Text { offsets, bytes } => TableValues::Text {
            offsets: offsets.to_vec(),
            bytes: bytes.to_vec(),
        },
        // Only the host speaks of addresses.
        Values::Address(_) => return None,
    })
}

fn table_column(id: FieldId, attribute: &str, column: &Column) -> Option<TableColumn> {
    Some(TableColumn {
        field: id,
        attribute: attribute.to_owned(),
        valid: column.valid.as_deref().unwrap_or_default().to_vec(),
        offsets: column.offsets.as_deref().unwrap_or_default().to_vec(),
        values: table_values(&column.values)?,
    })
}

/// Every column of a batch that a parser may return.
fn columns(batch: &Batch) -> Vec<TableColumn> {
    let kind = batch.kind();
    let stamped = |name: &str| {
        ["owner", "src", "dst", "flow", "transport"].contains(&name)
            || name == "direction"
                && field(kind, FieldId::of(name)).and_then(|i| i.enum_names)
                    == Some(Direction::NAMES)
    };
    let mut all: Vec<TableColumn> = kind
        .fields()
        .iter()
        .filter(|info| info.ty != FieldType::Record)
        .filter(|info| !stamped(info.name.split('.').next().unwrap_or_default()))
        .filter_map(|info| table_column(info.id, "", &batch.column(info.id).ok()?))
        .collect();
    for name in batch.attribute_names() {
        let id = FieldId::of_attribute(name);
        for ty in [
            palisade_events::ColumnType::F64,
            palisade_events::ColumnType::Text,
        ] {
            let column = batch.column_as(id, ty).expect("a column");
            let mut table = table_column(id, name, &column).expect("a column");
            // Each type is valid where the value is of that type.
            let rows = (0..batch.len()).map(|row| {
                let body = batch.body(row);
                let value = body
                    .as_ref()
                    .and_then(Body::attributes)
                    .and_then(|a| a.get(name));
                let wanted = match value {
                    Some(palisade_events::AttributeValue::Number(_)) => {
                        ty == palisade_events::ColumnType::F64
                    }
                    Some(_) => ty == palisade_events::ColumnType::Text,
                    None => false,
                };
                u8::from(wanted)
            });
            table.valid = rows.collect();
            all.push(table);
        }
    }
    all
}

#[test]
fn honest_columns_are_the_events_they_mean() {
    for_every_kind(|events| {
        let given = batch(&events);
        let kind = given.kind();
        let seqs: Vec<u64> = (0..).take(given.len()).collect();
        let made = Batch::from_columns(kind, source(), columns(&given), host(given.len()), seqs)
            .expect("honest");
        assert_eq!(made.times()[0], 0);
        for info in kind.fields() {
            let top = info.name.split('.').next().unwrap_or_default();
            let (Ok(given), Ok(made)) = (given.column(info.id), made.column(info.id)) else {
                continue;
            };
            match top {
                "owner" | "src" | "dst" | "flow" | "transport" => {}
                "direction" if info.enum_names == Some(Direction::NAMES) => {}
                // A record in which nothing is comes back as absent.
                _ if info.ty == FieldType::Record => {}
                _ => assert_eq!(given, made, "{}", info.name),
            }
        }
        if let (Some(Body::DeviceMessage(made)), Body::DeviceMessage(given)) =
            (made.body(0), &events[0].body)
        {
            assert_eq!(made.attributes, given.attributes);
            assert_eq!(made.owner, context(0).owner);
            assert_eq!(made.src, context(0).src);
            assert_eq!(made.dst, context(0).dst);
            assert_eq!(made.flow, context(0).flow);
            assert_eq!(made.transport, Transport::Udp);
            assert_eq!(made.direction, given.direction);
        }
    });
}

#[test]
fn what_is_left_out_is_absent_or_neutral() {
    for kind in Kind::ALL {
        let made = segment(*kind, Vec::new(), host(3)).expect("nothing is wrong with nothing");
        let picks = [(0, 0), (0, 1), (0, 2)];
        let batch = &batches(&source(), &[made], &picks, &[5, 6, 9]).expect("a batch")[0];
        assert_eq!(batch.seqs(), [5, 6, 9]);
        let mut body = batch.body(2).expect("a row");
        let nothing = palisade_events::Mask::of(*kind, []).expect("no field");
        let stamped = body.clone();
        body.hide(&nothing);
        assert_eq!(body, Body::neutral(*kind));
        for info in kind.fields().iter().filter(|info| info.optional) {
            let top = info.name.split('.').next().unwrap_or_default();
            if !["owner", "src", "dst", "flow"].contains(&top)
                && let Ok(column) = batch.column(info.id)
            {
                assert!(
                    (0..column.values.len()).all(|at| !column.is_valid(at)),
                    "{}",
                    info.name
                );
            }
        }
        drop(stamped);
    }
}

fn problem(kind: Kind, columns: Vec<TableColumn>) -> TableProblem {
    let TableError { problem, .. } = segment(kind, columns, host(2)).expect_err("hostile");
    problem
}

#[test]
fn hostile_columns_are_refused() {
    use TableProblem as P;
    let of = |name: &str, values| problem(Kind::DeviceMessage, vec![column(name, values)]);
    let u8s = |values: &[u8]| TableValues::U8(values.to_vec());
    let f64s = |values: &[f64]| TableValues::F64(values.to_vec());
    assert_eq!(of("no-such", u8s(&[0, 0])), P::Nowhere);
    // A field of another kind is told by its name, and not by its id.
    let other = segment(
        Kind::NetworkApp,
        vec![column("qname", u8s(&[0, 0]))],
        host(2),
    );
    let error = other.expect_err("no such field");
    assert_eq!(
        (error.field.as_deref(), error.problem),
        (Some("qname"), P::Unknown)
    );
    assert_eq!(of("src.port", TableValues::U16(vec![1, 2])), P::Stamped);
    assert_eq!(of("flow.id", TableValues::U64(vec![1, 2])), P::Stamped);
    assert_eq!(of("time", TableValues::U64(vec![1, 2])), P::Stamped);
    assert_eq!(of("attributes", u8s(&[0, 0])), P::NoColumn);
    assert!(matches!(of("protocol", u8s(&[0, 0])), P::Type { .. }));
    assert_eq!(
        of("protocol", text(&["a"])),
        P::Length { wanted: 2, got: 1 }
    );
    assert_eq!(
        of("encrypted", u8s(&[0, 2])),
        P::Code {
            at: 1,
            code: 2,
            cases: 2
        }
    );
    assert_eq!(
        of("direction", u8s(&[3, 0])),
        P::Code {
            at: 0,
            code: 3,
            cases: 3
        }
    );
    assert_eq!(of("attributes.x", f64s(&[0.0, f64::NAN])), P::NotFinite(1));
    assert!(matches!(
        of("attributes.X", f64s(&[0.0, 0.0])),
        P::Attribute(_)
    ));
    assert!(matches!(of("attributes.x", u8s(&[0, 0])), P::Type { .. }));
    let bytes = |offsets: &[u32], bytes: &[u8]| TableValues::Text {
        offsets: offsets.to_vec(),
        bytes: bytes.to_vec(),
    };
    assert!(matches!(of("protocol", bytes(&[], b"")), P::Length { .. }));
    assert!(matches!(
        of("protocol", bytes(&[1, 1, 1], b"a")),
        P::TextOffsets(_)
    ));
    assert!(matches!(
        of("protocol", bytes(&[0, 2, 1], b"a")),
        P::TextOffsets(_)
    ));
    assert!(matches!(
        of("protocol", bytes(&[0, 1, 9], b"a")),
        P::TextOffsets(_)
    ));
    assert!(matches!(
        of("protocol", bytes(&[0, 1, 1], b"ab")),
        P::TextOffsets(_)
    ));
    assert_eq!(of("protocol", bytes(&[0, 1, 2], b"a\xff")), P::Utf8(1));
    // A letter cut in two: valid as a whole, not value by value.
    assert_eq!(
        of("protocol", bytes(&[0, 1, 2], "é".as_bytes())),
        P::Utf8(0)
    );

    let with = |name: &str, values, valid: &[u8], offsets: &[u32]| {
        let mut column = column(name, values);
        column.valid = valid.to_vec();
        column.offsets = offsets.to_vec();
        column
    };
    let one = |kind, column| problem(kind, vec![column]);
    let message = Kind::DeviceMessage;
    assert_eq!(
        one(message, with("device", text(&["a", "b"]), &[1], &[])),
        P::Valid { wanted: 2, got: 1 }
    );
    assert!(matches!(
        one(message, with("device", text(&["a", "b"]), &[], &[0, 1, 2])),
        P::Offsets(_)
    ));
    assert!(matches!(
        one(
            message,
            with("attributes.a", f64s(&[1.0, 1.0]), &[], &[0, 1, 2])
        ),
        P::Offsets(_)
    ));
    let twice = || column("protocol", text(&["a", "b"]));
    assert_eq!(problem(message, vec![twice(), twice()]), P::Twice);
    let mut forged = column("attributes.a", f64s(&[1.0, 1.0]));
    forged.field = FieldId::of("attributes.b");
    assert_eq!(one(message, forged), P::Id);
    let attribute = || column("attributes.a", f64s(&[1.0, 1.0]));
    assert_eq!(problem(message, vec![attribute(), attribute()]), P::Twice);
    let as_text = column("attributes.a", text(&["x", "y"]));
    assert_eq!(
        problem(message, vec![attribute(), as_text]),
        P::RowAttributes(0)
    );
    let many = |count: usize| -> Vec<TableColumn> {
        (0..count)
            .map(|at| column(&format!("attributes.a{at}"), f64s(&[1.0, 1.0])))
            .collect()
    };
    assert_eq!(problem(message, many(65)), P::RowAttributes(0));
    assert_eq!(problem(message, many(257)), P::Attributes);
    assert!(segment(message, many(64), host(2)).is_ok());
    assert_eq!(problem(Kind::NetworkDns, vec![attribute()]), P::Unknown);

    let dns = Kind::NetworkDns;
    let answers = |offsets: &[u32]| with("answers.name", text(&["a", "b"]), &[], offsets);
    for wrong in [&[][..], &[0, 1], &[1, 1, 2], &[0, 2, 1], &[0, 1, 1, 2]] {
        assert!(
            matches!(one(dns, answers(wrong)), P::Offsets(_) | P::Length { .. }),
            "{wrong:?}"
        );
    }
    let ttl = |offsets: &[u32]| with("answers.ttl", TableValues::U32(vec![1, 2]), &[], offsets);
    assert_eq!(
        problem(dns, vec![answers(&[0, 0, 2]), ttl(&[0, 1, 2])]),
        P::OtherOffsets
    );
    assert!(segment(dns, vec![answers(&[0, 0, 2]), ttl(&[0, 0, 2])], host(2)).is_ok());
    assert_eq!(
        one(
            Kind::ReportDisclosure,
            with("recipients.roles", text(&[]), &[], &[0, 0, 0])
        ),
        P::NoColumn
    );
    assert!(matches!(
        one(
            Kind::ReportContent,
            with("scores.value", f64s(&[1e300]), &[], &[0, 1, 1])
        ),
        P::NotFinite(0)
    ));
    let error = segment(dns, vec![answers(&[0, 1])], host(2)).expect_err("hostile");
    assert!(
        error
            .to_string()
            .starts_with("table of network.dns, column `answers.name`: its")
    );
    assert!(matches!(
        segment(dns, Vec::new(), HostColumns::default())
            .expect_err("empty")
            .problem,
        P::Rows(0)
    ));
    assert!(matches!(
        segment(dns, Vec::new(), host(16_385))
            .expect_err("too many")
            .problem,
        P::Rows(16_385)
    ));
}

#[test]
fn what_is_absent_shows_nothing() {
    let mut device = column("device", text(&["secret", "d-1"]));
    device.valid = vec![0, 1];
    let mut operation = column("operation", text(&["secret", "read"]));
    operation.valid = vec![0, 1];
    let mut direction = column("direction", TableValues::U8(vec![0, 1]));
    direction.valid = vec![0, 1];
    let columns = vec![device, operation, direction];
    let batch =
        Batch::from_columns(Kind::DeviceMessage, source(), columns, host(2), vec![0, 1]).unwrap();
    let Some(Body::DeviceMessage(first)) = batch.body(0) else {
        panic!("a message")
    };
    assert_eq!(first.device, None);
    assert_eq!(first.operation, "");
    assert_eq!(first.direction, palisade_events::MessageDirection::Unknown);
    let Some(Body::DeviceMessage(second)) = batch.body(1) else {
        panic!("a message")
    };
    assert_eq!(second.device.as_deref(), Some("d-1"));
    assert_eq!(second.operation, "read");
    let arrow = format!("{:?}", batch.record_batch().unwrap());
    assert!(!arrow.contains("secret"));
}

#[test]
fn batches_never_have_too_many_attributes() {
    // Each segment has 200 names of its own, so no two fit one batch.
    let segments: Vec<_> = (0..3)
        .map(|part| {
            let columns = (0..200).map(|at| {
                let mut column = column(
                    &format!("attributes.p{part}.{at}"),
                    TableValues::F64(vec![1.0; 8]),
                );
                column.valid = (0..8).map(|row| u8::from(at % 8 == row)).collect();
                column
            });
            segment(Kind::DeviceMessage, columns.collect(), host(8)).expect("honest")
        })
        .collect();
    let picks: Vec<(u32, u32)> = (0..8)
        .flat_map(|row| (0..3).map(move |s| (s, row)))
        .collect();
    let seqs: Vec<u64> = (0..24).collect();
    let cut = batches(&source(), &segments, &picks, &seqs).expect("batches");
    assert_eq!(cut.iter().map(Batch::len).sum::<usize>(), 24);
    let all: Vec<u64> = cut.iter().flat_map(|batch| batch.seqs().to_vec()).collect();
    assert_eq!(all, seqs);
    for batch in &cut {
        assert!(batch.attribute_names().count() <= 256);
        for row in 0..batch.len() {
            let body = batch.body(row).expect("a row");
            assert_eq!(
                body.attributes().map(palisade_events::Attributes::len),
                Some(25)
            );
        }
    }
    assert!(batches(&source(), &segments, &[(0, 8)], &[0]).is_err());
    assert!(batches(&source(), &segments, &[(3, 0)], &[0]).is_err());
    assert!(batches(&source(), &segments, &[(0, 0)], &[]).is_err());
    assert!(batches(&source(), &segments, &[(0, 0)], &[1 << 40]).is_err());
}
