//! Property: however a stream is cut up, repeated and shuffled, the same bytes come out.

use palisade_capture::flow::{FlowConfig, ReassemblyConfig};
use proptest::prelude::*;

use crate::build::client;
use crate::record::Run;

/// A stream, where it is cut, what is sent twice, and in which order.
fn shuffled() -> impl Strategy<Value = (u32, Vec<u8>, Vec<(usize, usize)>)> {
    let stream = (any::<u32>(), prop::collection::vec(any::<u8>(), 1..600));
    stream.prop_flat_map(|(isn, bytes)| {
        let length = bytes.len();
        let cuts = prop::collection::btree_set(1..length.max(2), 0..20);
        let extra = prop::collection::vec((0..length, 1..80_usize), 0..20);
        (Just(isn), Just(bytes), cuts, extra).prop_flat_map(|(isn, bytes, cuts, extra)| {
            let mut edges = vec![0];
            edges.extend(cuts.into_iter().filter(|cut| *cut < bytes.len()));
            edges.push(bytes.len());
            let mut parts: Vec<(usize, usize)> = edges.windows(2).map(|w| (w[0], w[1])).collect();
            parts.extend(
                extra
                    .into_iter()
                    .map(|(start, len)| (start, (start + len).min(bytes.len()))),
            );
            (Just(isn), Just(bytes), Just(parts).prop_shuffle())
        })
    })
}

proptest! {
    #[test]
    fn any_order_gives_the_stream((isn, bytes, parts) in shuffled()) {
        let mut run = Run::new(FlowConfig::default());
        run.tcp(&[client(isn, "S", b"")]);
        let first = isn.wrapping_add(1);
        for (start, stop) in &parts {
            let last = *stop == bytes.len();
            let segment = client(
                first.wrapping_add(*start as u32),
                if last { "F" } else { "" },
                &bytes[*start..*stop],
            );
            run.tcp(&[segment.ack(1)]);
        }
        prop_assert_eq!(&run.out.client().bytes, &bytes);
        prop_assert_eq!(run.out.client().gaps, &[]);
        prop_assert!(run.out.client().ended);
        prop_assert_eq!(run.table.buffered_bytes(), 0);
        run.finish();
        let counts = run.table.stream_counts();
        let sent: usize = parts.iter().map(|(start, stop)| stop - start).sum();
        prop_assert_eq!(
            counts.delivered_bytes + counts.retransmitted_bytes + counts.after_end_bytes,
            sent as u64
        );
    }

    /// With parts missing and tight limits: what comes out is the stream with holes, and
    /// the holes are told.
    #[test]
    fn losses_are_told((isn, bytes, parts) in shuffled(), keep in any::<u64>()) {
        let mut run = Run::new(FlowConfig {
            reassembly: ReassemblyConfig {
                direction_segments: 4,
                direction_bytes: 600,
                ..ReassemblyConfig::default()
            },
            ..FlowConfig::default()
        });
        run.tcp(&[client(isn, "S", b"")]);
        let first = isn.wrapping_add(1);
        for (n, (start, stop)) in parts.iter().enumerate() {
            if keep >> (n % 64) & 1 == 1 {
                let sequence = first.wrapping_add(*start as u32);
                run.tcp(&[client(sequence, "", &bytes[*start..*stop]).ack(1)]);
                prop_assert!(run.table.buffered_bytes() <= 600);
            }
        }
        run.finish();
        let side = run.out.client();
        let mut expect = Vec::new();
        let mut at = 0;
        for (offset, gap) in &side.gaps {
            let hole = (offset - gap) as usize;
            expect.extend_from_slice(&bytes[at..hole]);
            at = *offset as usize;
        }
        let rest = side.bytes.len() - expect.len();
        expect.extend_from_slice(&bytes[at..at + rest]);
        prop_assert_eq!(side.bytes, expect);
    }
}
