use proptest::prelude::*;

use super::*;

fn set(timers: &mut Timers, tenant: &str, name: &str, key: &str, due: u64) {
    timers.begin(tenant);
    timers.set(name, key, due).unwrap();
    timers.commit();
}

fn fired(timers: &mut Timers, watermark: u64) -> Vec<String> {
    let firings = timers.advance(watermark);
    let of = |f: &Firing| {
        let all = f.timers.iter();
        let one = |t: &Timer| format!("{}/{}/{}@{}", f.tenant, t.name, t.key, t.due);
        all.map(one).collect::<Vec<_>>()
    };
    firings.iter().flat_map(of).collect()
}

#[test]
fn a_timer_fires_once_when_the_watermark_is_past_it() {
    let mut timers = Timers::default();
    set(&mut timers, "acme", "remind", "d-1", 100);
    assert_eq!(timers.next(), Some(100));
    assert!(fired(&mut timers, 99).is_empty());
    assert!(fired(&mut timers, 100).is_empty());
    assert_eq!(fired(&mut timers, 101), ["acme/remind/d-1@100"]);
    assert!(fired(&mut timers, u64::MAX).is_empty());
    assert!(timers.is_empty());
}

#[test]
fn timers_fire_by_due_time_then_name_then_key() {
    let mut timers = Timers::default();
    for (name, key, due) in [("b", "x", 5), ("a", "y", 5), ("a", "x", 5), ("z", "z", 4)] {
        set(&mut timers, "acme", name, key, due);
    }
    set(&mut timers, "aaa", "late", "", 9);
    assert_eq!(
        fired(&mut timers, 10),
        [
            "aaa/late/@9",
            "acme/z/z@4",
            "acme/a/x@5",
            "acme/a/y@5",
            "acme/b/x@5"
        ],
        "each tenant's are calls of their own"
    );
}

#[test]
fn setting_again_moves_and_cancelling_removes() {
    let mut timers = Timers::default();
    set(&mut timers, "acme", "a", "k", 5);
    set(&mut timers, "acme", "a", "k", 50);
    set(&mut timers, "acme", "b", "k", 6);
    assert_eq!(timers.len(), 2);
    timers.begin("acme");
    timers.cancel("b", "k").unwrap();
    timers.cancel("b", "never set").unwrap();
    timers.commit();
    timers.begin("umbra");
    timers.cancel("a", "k").unwrap();
    timers.commit();
    assert_eq!(fired(&mut timers, 1000), ["acme/a/k@50"]);
}

#[test]
fn a_timer_in_the_past_fires_at_the_next_advance() {
    let mut timers = Timers::default();
    assert!(fired(&mut timers, 100).is_empty());
    set(&mut timers, "acme", "a", "k", 7);
    assert!(
        fired(&mut timers, 100).is_empty(),
        "the watermark stands still"
    );
    assert!(fired(&mut timers, 50).is_empty(), "and never goes back");
    assert_eq!(fired(&mut timers, 101), ["acme/a/k@7"]);
}

#[test]
fn one_call_gets_at_most_1024() {
    let mut timers = Timers::default();
    for n in 0..2500 {
        set(&mut timers, "acme", "a", &n.to_string(), n);
    }
    let firings = timers.advance(5000);
    let sizes: Vec<usize> = firings.iter().map(|f| f.timers.len()).collect();
    assert_eq!(sizes, [1024, 1024, 452]);
    assert_eq!(firings[2].timers[451].due, 2499);
}

#[test]
fn beyond_65536_a_timer_is_refused_and_moving_one_is_not() {
    let mut timers = Timers::default();
    timers.begin("acme");
    for n in 0..MAX_TIMERS {
        timers.set("a", &n.to_string(), 10).unwrap();
    }
    assert_eq!(timers.set("b", "", 10), Err(TimerError::Full));
    timers.set("a", "77", 20).unwrap();
    timers.cancel("a", "78").unwrap();
    timers.set("b", "", 10).unwrap();
    timers.rollback();
    assert!(timers.is_empty() && timers.next().is_none());
}

#[test]
fn a_call_that_changes_too_many_is_refused() {
    let mut timers = Timers::default();
    timers.begin("acme");
    let refused = (0..=MAX_CHANGES as u64).find_map(|n| timers.set("a", "k", n).err());
    assert_eq!(refused, Some(TimerError::Changes));
}

proptest! {
    #[test]
    fn an_undone_call_was_never_made(
        calls in prop::collection::vec(
            (
                prop::sample::select(vec!["acme", "umbra"]),
                prop::collection::vec((0..6u8, prop::option::weighted(0.8, 0..50u64)), 0..8),
                any::<bool>(),
            ),
            0..20,
        ),
    ) {
        let (mut with, mut without) = (Timers::default(), Timers::default());
        let run = |timers: &mut Timers, tenant: &str, changes: &[(u8, Option<u64>)]| {
            timers.begin(tenant);
            for (key, due) in changes {
                match due {
                    Some(due) => timers.set("t", &key.to_string(), *due).unwrap(),
                    None => timers.cancel("t", &key.to_string()).unwrap(),
                }
            }
        };
        for (n, (tenant, changes, faults)) in (0u64..).zip(&calls) {
            run(&mut with, tenant, changes);
            if *faults {
                with.rollback();
            } else {
                with.commit();
                run(&mut without, tenant, changes);
                without.commit();
            }
            prop_assert_eq!(&with.tenants, &without.tenants);
            prop_assert_eq!(with.len(), without.len());
            if n % 4 == 3 {
                prop_assert_eq!(with.advance(n * 2), without.advance(n * 2));
            }
        }
    }
}

#[test]
fn pending_timers_have_a_size() {
    let mut timers = Timers::new(1000);
    timers.begin("t");
    let long = "k".repeat(300);
    timers.set("n", &long, 5).unwrap();
    timers.set("m", &long, 5).unwrap();
    assert_eq!(timers.set("o", &long, 5), Err(TimerError::Bytes(1000)));
    // One that is there can be moved, and gives its room back when it is over.
    timers.set("n", &long, 6).unwrap();
    timers.cancel("m", &long).unwrap();
    timers.set("o", &long, 5).unwrap();
    timers.rollback();
    assert_eq!((timers.bytes, timers.len()), (0, 0));
    timers.set("n", &long, 5).unwrap();
    timers.commit();
    assert_eq!(timers.advance(10).len(), 1);
    assert_eq!(timers.bytes, 0);
}
