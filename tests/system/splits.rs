//! FTP, whose parser is written in C and has no tests of its own, cut into segments in many
//! ways: what comes out is the same, and what is cut short is no error.

use crate::connections::Connections;
use crate::recording::{Said, Side};

/// A conversation in letters: lines of the client begin with `>`, of the server with `<`.
fn conversation(text: &str) -> Vec<Said> {
    text.lines()
        .map(|line| {
            let (side, said) = line.split_at(1);
            let side = if side == ">" {
                Side::Client
            } else {
                Side::Server
            };
            (side, format!("{said}\r\n").into_bytes())
        })
        .collect()
}

const LOGIN: &str = "\
<220-Welcome
< to the FTP server
<220 ready
>USER operator
<331 Password, please
>pass s3cret
<230 In
>SYST
>TYPE I
<215 UNIX
<200 Binary
>RETR firmware.bin
<150 Coming
<226 Done
>AUTH TLS
<502 No
>QUIT
<221 Bye
";

#[test]
fn ftp_is_the_same_however_it_is_cut() {
    let whole = conversation(LOGIN);
    let mut connections = Connections::new();
    connections.tcp(2_121, &whole);
    let bytewise = whole
        .iter()
        .flat_map(|(side, bytes)| bytes.iter().map(|byte| (*side, vec![*byte])));
    connections.tcp(2_121, &bytewise.collect::<Vec<_>>());
    for (at, (side, bytes)) in whole.iter().enumerate() {
        for cut in 1..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            let mut parts = whole.clone();
            parts.splice(at..=at, [(*side, head.to_vec()), (*side, tail.to_vec())]);
            connections.tcp(2_121, &parts);
        }
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    assert_eq!(outcome.unparsed, 0);
    let expected = &outcome.events[0];
    assert_eq!(expected.len(), 16, "{expected:?}");
    assert!(!expected.concat().contains("s3cret"), "{expected:?}");
    for (at, events) in outcome.events.iter().enumerate() {
        assert_eq!(outcome.protocols[at], "ftp", "connection {at}");
        assert_eq!(events, expected, "connection {at}");
    }
}

#[test]
fn ftp_cut_short_is_no_error() {
    let whole = conversation(LOGIN);
    let mut connections = Connections::new();
    connections.tcp(2_121, &whole);
    for (at, (side, bytes)) in whole.iter().enumerate() {
        for cut in 0..bytes.len() {
            let mut short = whole[..at].to_vec();
            short.push((*side, bytes[..cut].to_vec()));
            connections.tcp(2_121, &short);
        }
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    assert_eq!(outcome.unparsed, 0);
    let expected = &outcome.events[0];
    for (at, events) in outcome.events.iter().enumerate() {
        assert!(expected.starts_with(events), "connection {at}: {events:?}");
    }
}

#[test]
fn other_protocols_that_begin_with_220_or_user_are_not_taken_for_ftp() {
    let mut connections = Connections::new();
    let others = [
        "<220 mail.example ESMTP Postfix\n>EHLO a.example\n<250-mail.example\n<250 SIZE\n>QUIT",
        "<220-mail.example\n<220 SMTP\n>HELO a.example\n<250 hello",
        "<220 mail.example ready\n>EHLO a.example\n<250 mail.example\n>MAIL FROM:<a@b.example>",
        "<220 mx.ftp.example ready\n>EHLO a.example\n<250 mx.ftp.example\n>QUIT",
        "<+OK POP3 ready\n>USER a\n<+OK\n>PASS b\n<+OK",
        ">USER a 0 * :b\n<:irc.example 001 a :Welcome\n>JOIN #c",
        "<220\n>HELP",
    ];
    for text in others {
        let said = conversation(text);
        connections.tcp(21, &said);
        let bytewise = said
            .iter()
            .flat_map(|(side, bytes)| bytes.iter().map(|byte| (*side, [*byte])));
        connections.tcp(21, &bytewise.collect::<Vec<_>>());
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    for (at, protocol) in outcome.protocols.iter().enumerate() {
        let text = others[at / 2];
        assert_eq!(protocol, "", "{text}");
        assert!(outcome.events[at].is_empty(), "{text}");
    }
}

#[test]
fn ftp_is_told_by_its_banner_or_by_its_commands() {
    let mut connections = Connections::new();
    for text in [
        "<220 (vsFTPd 3.0.3)",
        "<220 ProFTPD Server ready",
        "<220 files.example FTP server ready",
        "<220 ftp.example ready\n>USER a\n<331 p\n>PASS b\n<230 in\n>PWD",
        "<220 ready\n>AUTH TLS",
    ] {
        connections.tcp(2_121, &conversation(text));
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    assert_eq!(outcome.protocols, ["ftp"; 5]);
}

#[test]
fn what_breaks_off_ftp_is_told() {
    let mut connections = Connections::new();
    let broken = [
        "<220 FTP\n>USER a\n<what?",
        "<220 FTP\n>12345",
        "<220 FTP\n>ANOTHERCOMMAND",
        "<220 FTP\n<999 no",
    ];
    for text in broken {
        connections.tcp(21, &conversation(text));
    }
    let mut endless = conversation("<220 FTP");
    endless.extend(vec![(Side::Client, vec![b'A'; 1_000]); 6]);
    connections.tcp(21, &endless);
    let Some(outcome) = connections.run() else {
        return;
    };
    assert_eq!(outcome.unparsed, 5);
    assert!(outcome.protocols.iter().all(|protocol| protocol == "ftp"));
}
