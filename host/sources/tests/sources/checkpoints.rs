//! A reader that goes on where another stood reads what that would have read.

use std::io::{Cursor, ErrorKind, Read};
use std::sync::{Arc, Mutex};

use palisade_sources::{
    Checkpoint, DeadLetters, EventReader as _, EventSink, Limits, LogReader, SourcePolicy,
    open_live,
};

use super::source;

/// A live input of which so many bytes are there.
#[derive(Clone)]
struct Live(Arc<Mutex<Granted>>);

/// What there is, how far it may be read, and whether that is all.
type Granted = (Cursor<Vec<u8>>, u64, bool);

impl Read for Live {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let mut live = self.0.lock().unwrap();
        let left = live.1 - live.0.position();
        if left == 0 && !live.2 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = to.len().min(left as usize);
        live.0.read(&mut to[..len])
    }
}

/// Times, kinds and bodies of all events, and how many records were bad.
type Seen = (Vec<String>, u64);

/// Reads bytes of which the rest comes after a pause, at which another reader goes on.
fn in_two(name: &str, bytes: &[u8], pause: usize, limits: &Limits) -> Option<Seen> {
    let live = Live(Arc::new(Mutex::new((
        Cursor::new(bytes.to_vec()),
        pause as u64,
        false,
    ))));
    let input = open_live(name, live.clone(), limits).ok()?;
    let mut reader = LogReader::new(input, limits, None, DeadLetters::none()).unwrap();
    let mut sink = EventSink::new(SourcePolicy::new(source()));
    let progress = reader.read(&mut sink, usize::MAX).unwrap();
    assert!(progress.paused && !progress.ended);
    let at = reader.checkpoint().expect("it has not ended");
    // As it is kept.
    let at = postcard::to_stdvec(&at).unwrap();
    let at: Checkpoint = postcard::from_bytes(&at).unwrap();
    let rest = Cursor::new(bytes[at.offset() as usize..].to_vec());
    let mut next = LogReader::going_on(rest, at, limits, None, DeadLetters::none()).unwrap();
    next.read(&mut sink, usize::MAX).unwrap();
    Some(done(&mut sink, &next))
}

fn whole(name: &str, bytes: &[u8], limits: &Limits) -> Seen {
    let input = open_live(name, Cursor::new(bytes.to_vec()), limits).unwrap();
    let mut reader = LogReader::new(input, limits, None, DeadLetters::none()).unwrap();
    let mut sink = EventSink::new(SourcePolicy::new(source()));
    reader.read(&mut sink, usize::MAX).unwrap();
    done(&mut sink, &reader)
}

fn done(sink: &mut EventSink, reader: &LogReader) -> Seen {
    let batches = sink.finish().unwrap();
    let mut events: Vec<_> = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).filter_map(|row| batch.event(row)))
        .collect();
    events.sort_by_key(|event| event.envelope.seq);
    let events = events.iter().map(|event| format!("{event:?}"));
    (events.collect(), reader.counts().bad)
}

#[test]
fn wherever_it_pauses_the_next_reader_goes_on() {
    let eve = |number: u64| {
        format!(
            "{{\"timestamp\":\"2025-06-01T10:00:0{number}.000000+0000\",\"event_type\":\"dns\",\
             \"src_ip\":\"10.0.0.{number}\",\"src_port\":53,\"dest_ip\":\"10.0.1.1\",\
             \"dest_port\":53,\"proto\":\"UDP\",\"dns\":{{\"type\":\"query\",\
             \"rrname\":\"q{number}\"}}}}"
        )
    };
    let all: Vec<String> = (1..6).map(eve).collect();
    let long = format!("{{\"event_type\":\"dns\",\"x\":\"{}\n{{", "y".repeat(900));
    let torn = format!("{{\"timestamp\":\"2025\",\"x\":\"{}\n", "y".repeat(400));
    let zeek = "#separator \\x09\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\t\
                id.resp_p\tquery\n#types\ttime\tstring\taddr\tport\taddr\tport\tstring\n\
                1748772000.5\tC1\t10.0.0.1\t53\t10.0.1.1\t53\tq1\nno row\n#separator \\x7c\n\
                #path|dns\n#fields|ts|uid|id.orig_h|id.orig_p|id.resp_h|id.resp_p|query\n\
                #types|time|string|addr|port|addr|port|string\n\
                1748772001.5|C2|10.0.0.2|53|10.0.1.1|53|q2\n";
    let inputs = [
        ("eve.json", all.join("\n") + "\n"),
        // With junk, zeros and a record that is too long.
        (
            "eve.json",
            format!(
                "{}\njunk\n\0\0\0{}\n{}\n{}\n",
                all[0],
                all[1],
                "z".repeat(1500),
                all[2]
            ),
        ),
        ("eve.json", format!("[{}]", all.join(",\n"))),
        // A document that is too long, and one that does not end where the next begins.
        (
            "eve.json",
            format!("[{},\n{long}{},\n{}]", all[0], all[1], all[2]),
        ),
        (
            "eve.json",
            format!("[{},\n{torn}{},\n{}]", all[0], all[1], all[2]),
        ),
        ("dns.log", zeek.to_owned()),
    ];
    let limits = Limits {
        max_record: 700,
        ..Limits::default()
    };
    for (name, text) in inputs {
        let bytes = text.as_bytes();
        let expected = whole(name, bytes, &limits);
        assert!(!expected.0.is_empty(), "nothing is read of {text}");
        let mut tried = 0;
        for pause in 1..bytes.len() {
            let Some(found) = in_two(name, bytes, pause, &limits) else {
                continue;
            };
            assert_eq!(found, expected, "byte {pause} of {text}");
            tried += 1;
        }
        assert!(tried > 300, "{tried}");
    }
}
