use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;

#[test]
fn what_is_no_kept_call_is_refused_and_what_it_stands_for_is_bounded() {
    let call = KeptCall {
        host: "0.1.0".into(),
        epoch: 7,
        generation: 1,
        composition: String::new(),
        plugin: KeptPlugin::default(),
        datasets: vec![("d".into(), None)],
        export: "on-timer".into(),
        occasion: KeptOccasion::Timers {
            tenant: "t".into(),
            fired: vec![("a".into(), "b".into(), 5)],
        },
        asked: Vec::new(),
        filed: 1,
        said: Vec::new(),
        cited: None,
    };
    let bytes = call.encode().unwrap();
    assert_eq!(KeptCall::decode(&bytes).unwrap(), call);
    for at in 0..bytes.len() {
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 0x41;
        if let Ok(read) = KeptCall::decode(&spoilt) {
            assert_eq!(read, call, "byte {at}");
        }
        assert!(KeptCall::decode(&bytes[..at]).is_err());
    }
    // A list that is longer in memory than as bytes.
    let mut long = call.clone();
    // With the timer.
    long.datasets = vec![(String::new(), None); MAX_LIST - 1];
    let within = long.encode().unwrap();
    assert_eq!(KeptCall::decode(&within).unwrap(), long);
    assert!(KeptCall::decode_within(&within, &mut { 1000 }).is_err());
    long.datasets.push((String::new(), None));
    assert!(long.encode().is_err());
    long.datasets.push((String::new(), None));
    let plain = postcard::to_stdvec(&long).unwrap();
    let mut packed = b"PALEVD01".to_vec();
    let mut encoder = ZlibEncoder::new(&mut packed, Compression::fast());
    encoder.write_all(&plain).unwrap();
    encoder.finish().unwrap();
    assert!(KeptCall::decode(&packed).is_err());
    // Few bytes that stand for many.
    let mut large = call.clone();
    large.export = "x".repeat(MAX_CALL as usize);
    assert!(
        large
            .encode()
            .unwrap_err()
            .to_string()
            .contains("more than")
    );
    let mut bomb = b"PALEVD01".to_vec();
    let mut encoder = flate2::write::ZlibEncoder::new(&mut bomb, flate2::Compression::fast());
    for _ in 0..100 {
        std::io::Write::write_all(&mut encoder, &vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let error = KeptCall::decode(&bomb).unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
}

/// A call with rows, answers and an event that is kept whole.
fn with_rows() -> KeptCall {
    use palisade_events::json::{Mode, parse_event};
    let json = r#"{"kind":"network.dns","time":"2026-01-01T00:00:00Z","qname":"a.example","src":{"ip":"10.0.0.1","port":5},"answers":[{"name":"a.example","rtype":"A","ttl":5,"rdata":"1.2.3.4"}]}"#;
    let mut builder = palisade_events::BatchBuilder::new(
        palisade_events::Kind::NetworkDns,
        std::sync::Arc::default(),
    );
    for _ in 0..3 {
        let event = parse_event(json.as_bytes(), Mode::Vector).unwrap();
        builder.push_event(&event).unwrap();
    }
    let batch = builder.finish().unwrap();
    let rows = batch.kept(&[0, 2], &palisade_events::Mask::ALL).unwrap();
    KeptCall {
        host: "0.1.0".into(),
        epoch: 1,
        generation: 1,
        composition: "c".into(),
        plugin: KeptPlugin::default(),
        datasets: Vec::new(),
        export: "evaluate".into(),
        occasion: KeptOccasion::Rows {
            subscription: 0,
            rows: Box::new(rows),
        },
        asked: vec![palisade_runtime::Asked::Count {
            table: 0,
            rows: vec![0, 1],
            answer: vec![1, 2],
        }],
        filed: 1,
        said: vec![KeptSaid {
            nth: 0,
            number: 0,
            json: "{}".into(),
        }],
        cited: Some(KeptEvents {
            at: vec![1],
            rows: batch.kept(&[2], &palisade_events::Mask::ALL).unwrap(),
        }),
    }
}

#[test]
fn a_call_that_was_changed_anywhere_is_read_or_refused_and_never_panics() {
    let plain = postcard::to_stdvec(&with_rows()).unwrap();
    let encode = |plain: &[u8]| {
        let mut bytes = b"PALEVD01".to_vec();
        let mut to = flate2::write::ZlibEncoder::new(&mut bytes, flate2::Compression::none());
        std::io::Write::write_all(&mut to, plain).unwrap();
        to.finish().unwrap();
        bytes
    };
    let whole = KeptCall::decode(&encode(&plain)).unwrap();
    assert_eq!(whole, with_rows());
    assert!(whole.called().is_ok());
    let mut state = 1u64;
    let mut chance = |most: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % most
    };
    let (mut read, mut called) = (0, 0);
    for _ in 0..20_000 {
        let mut spoilt = plain.clone();
        for _ in 0..=chance(3) {
            let at = chance(spoilt.len());
            match chance(4) {
                0 => spoilt[at] = [0, 1, 0x7f, 0x80, 0xff][chance(5)],
                1 => spoilt[at] ^= 1 << chance(8),
                2 => {
                    spoilt.remove(at);
                }
                _ => spoilt.insert(at, chance(256) as u8),
            }
        }
        let result = KeptCall::decode(&encode(&spoilt)).and_then(|call| {
            read += 1;
            if let Some(cited) = &call.cited {
                cited.events()?;
            }
            call.called()
        });
        match result {
            Ok(_) => called += 1,
            Err(error) => assert!(!error.to_string().contains("panicked"), "{error}"),
        }
    }
    assert!(read > 1000 && called > 100, "{read} {called}");
}
