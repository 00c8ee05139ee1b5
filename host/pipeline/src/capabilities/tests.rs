use palisade_events::{Batch, BatchBuilder, Body, Kind, NetworkFlow, Source, Stamp, contain};

use super::*;

fn view() -> View {
    let source = Source {
        slot: 1,
        name: "made".into(),
        tenant: "t".into(),
    };
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, Arc::new(source));
    for seq in 0..4 {
        let stamp = Stamp {
            time: Default::default(),
            ingest_time: Default::default(),
            seq,
        };
        let body = Body::NetworkFlow(NetworkFlow::default());
        builder.push(stamp, &body).unwrap();
    }
    let batch: Batch = builder.finish().unwrap();
    View::all(batch)
}

/// A plugin with a table of counts, whose log panics.
fn shard() -> Shard {
    let manifest = Manifest::parse(
        "[plugin]\nname = \"made\"\nversion = \"0.1.0\"\nkind = \"detector\"\nwit = \"0.1\"\n\
         pack = \"tests\"\ncapabilities = [\"state\", \"timers\", \"log\"]\nexports = [\"on-timer\"]\n\
         [[subscription]]\nkind = \"network.flow\"\nfields = [\"src.ip\"]\n[[table]]\n\
         name = \"counts\"\nkind = \"count\"\nkey = [\"src.ip\"]\nwindow = \"1h\"\n[[rule]]\n\
         id = \"r\"\ntitle = \"R\"\nseverity = \"low\"\n",
    )
    .unwrap();
    let log: LogSink = Arc::new(|_: &str, _: LogLevel, _: &str| panic!("as the test wants"));
    Shard::new(
        &manifest,
        (1 << 20, usize::MAX),
        PartitionKey::default(),
        &[],
        log,
    )
}

#[test]
fn a_call_in_which_the_host_panics_is_undone_like_any_other() {
    let (mut shard, view) = (shard(), view());
    shard.begin("t");
    assert_eq!(shard.count(&view, 0, &[0, 1]).unwrap(), [1, 2]);
    shard.commit();
    let before = shard.tables.stats()[0].keys;
    shard.begin("t");
    shard.count(&view, 0, &[2, 3]).unwrap();
    shard.set_timer("n", "k", 5).unwrap();
    contain(|| shard.log(LogLevel::Info, "m")).expect_err("the log panics");
    assert!(shard.rollback());
    assert_eq!(shard.tables.stats()[0].keys, before);
    assert!(shard.timers.is_empty());
    shard.begin("t");
    assert_eq!(shard.count(&view, 0, &[2]).unwrap(), [3]);
}

#[test]
fn a_panic_within_a_write_is_not_taken_for_undone() {
    let (mut shard, view) = (shard(), view());
    shard.begin("t");
    shard.count(&view, 0, &[0]).unwrap();
    let torn = contain(|| {
        shard.write(|shard| {
            shard.tables.count(0, rows(&view, &[1])).unwrap();
            panic!("in the middle")
        })
    });
    torn.map(|(): ()| ()).expect_err("it panics");
    assert!(!shard.rollback(), "it is not known what remains");
    // And it stays so: only new capabilities can be trusted.
    assert!(!shard.rollback());
    // Rows that are not there do no harm.
    let mut other = self::shard();
    other.begin("t");
    assert!(contain(|| other.count(&view, 0, &[u32::MAX])).is_ok_and(|found| found.is_ok()));
    assert!(other.rollback());
}
