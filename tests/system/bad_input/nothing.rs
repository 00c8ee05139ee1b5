//! A run that evaluated nothing does not look like one that found nothing.

use palisade_tests::{capture, skip};

use super::{Bench, EVENT, ZEEK};

/// The header of a capture of Ethernet frames, without a packet.
fn header() -> Vec<u8> {
    let words: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A capture of one frame of ARP, which belongs to no flow.
fn arp() -> Vec<u8> {
    let mut frame = [0xff; 60].to_vec();
    frame[12..14].copy_from_slice(&[0x08, 0x06]);
    let mut capture = header();
    for word in [1_735_689_600, 0, 60, 60_u32] {
        capture.extend(word.to_le_bytes());
    }
    capture.extend(frame);
    capture
}

/// A log of Zeek in columns, without a record.
const COLUMNS: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
    #path\tconn\n#fields\tts\tuid\tid.orig_h\n#types\ttime\tstring\taddr\n#close\t2025\n";

#[test]
fn an_input_that_holds_nothing_is_told_and_with_strict_an_error() {
    let Some(bench) = Bench::new() else { return };
    let sound = bench.file("sound.ndjson", EVENT.as_bytes());
    let empty = bench.file("header.pcap", &header());
    let columns = bench.file("conn.log", COLUMNS.as_bytes());
    let arp = bench.file("arp.pcap", &arp());
    for (inputs, says) in [
        (
            &[&empty][..],
            &[
                "header.pcap: it holds no packet",
                "1 of the inputs hold nothing",
            ][..],
        ),
        (
            &[&columns],
            &[
                "conn.log: it holds no record",
                "1 of the inputs hold nothing",
            ],
        ),
        (&[&empty, &sound], &["header.pcap: it holds no packet"]),
        (
            &[&arp],
            &["nothing was evaluated: none of the 1 packets belongs to a flow"],
        ),
    ] {
        let paths: Vec<_> = inputs.iter().map(|path| path.as_path()).collect();
        for (more, code) in [(&[][..], 0), (&["--strict"], 2)] {
            let ran = bench.read_with(&paths, more);
            assert_eq!(ran.code, Some(code), "{paths:?} {more:?}: {}", ran.stderr);
            for says in says {
                assert!(
                    ran.stderr.contains(says),
                    "{paths:?} {more:?}: {}",
                    ran.stderr
                );
            }
        }
    }
    let ran = bench.read_with(&[&sound], &["--strict"]);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
}

#[test]
fn events_of_kinds_that_no_plugin_looks_at_are_an_error() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    bench.beside.clear();
    let log = bench.file("dns.log", ZEEK.as_bytes());
    let ran = bench.read(&[&log]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let says = "nothing was evaluated: no event that was read is of a kind that a detector or policy \
                subscribes to (network.flow, network.tls, device.message, finding); the inputs hold \
                network.dns";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(
        ran.summary.is_object(),
        "the summary is written all the same"
    );

    // Of a capture, a kind that a parser has looked for in vain is none that was left out.
    let plain = capture("dns.pcap");
    let alone = bench.plugins.clone();
    for (plugins, code, strict) in [(&["tls", "tls-floor"][..], 0, 2), (&["tls-floor"], 2, 2)] {
        let folder = bench.folder.path().join(plugins.join("-"));
        std::fs::create_dir(&folder).expect("a folder");
        for plugin in plugins {
            let file = format!("{plugin}.wasm");
            if !alone.join(&file).is_file() {
                return skip(&format!("`make plugins` has not built {plugin}"));
            }
            std::fs::copy(alone.join(&file), folder.join(&file)).expect("a copy");
        }
        bench.plugins = folder;
        for (more, code) in [(&[][..], code), (&["--strict"], strict)] {
            let ran = bench.read_with(&[&plain], more);
            assert_eq!(ran.code, Some(code), "{plugins:?}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("nothing was evaluated: no event"),
                "{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn parsers_alone_evaluate_nothing_and_so_are_run_for_their_events_only() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    bench.beside.clear();
    bench.plugins.push("modbus.wasm");
    let input = capture("modbus.pcap");
    let ran = bench.read(&[&input]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let says = "none of the plugins (modbus) is a detector or policy";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(ran.summary.is_null(), "nothing was read");
    let events = bench.folder.path().join("events.ndjson");
    let to = events.to_str().expect("a name in UTF-8");
    let ran = bench.read_with(&[&input], &["--events", to]);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    let events = std::fs::read_to_string(&events).expect("events");
    assert!(events.contains("device.message"), "{events}");
}
