//! What the host may take of memory, and who gets how much of it.
//!
//! One number is the operator's; every share follows from it here and nowhere else. What could
//! show in the output once it is full (state, flows, reassembly) follows from the number and from
//! what datasets take, and not from how many workers there are: by default each worker adds its own part to the
//! number, for guests and for calls under way.

use std::num::NonZeroU64;

const MEBIBYTE: u64 = 1 << 20;

/// Bytes that the host may take and each of its parts, before anything is scaled.
const BASE: u64 = 768 * MEBIBYTE;
/// What every worker adds to it, two at least.
const WORKER: u64 = 128 * MEBIBYTE;
/// Of that, what calls under way take until it is known what they amount to.
const WORKER_CALLS: u64 = 16 * MEBIBYTE;
/// What the program takes whatever it does: its code, compiled plugins, readers' buffers.
const PROGRAM: u64 = 56 * MEBIBYTE;

/// How often what is read of an epoch is held: as it is read while the epoch before is being
/// evaluated, and with room to grow and columns made of it.
pub const EPOCH_INPUT_HELD: u64 = 3;
/// How often what parsers return of an epoch is held: as returned, as batches, and as the
/// batches of the epoch before with columns made of them.
pub const PARSED_HELD: u64 = 4;
/// How often what plugins say of an epoch is held: while it is put out the next is said.
pub const OUTPUT_HELD: u64 = 2;
/// Bytes that a flow takes: in the flow table, as its parser's worker and the engine know it,
/// and with the news of its end.
pub const FLOW: u64 = 3072;

/// The shares of one total. All numbers are bytes. The total is at least all the others
/// together, each as often as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What the host may take.
    pub total: u64,
    /// The program itself.
    pub program: u64,
    /// Datasets that are loaded, in whole MiB; see [`beside`](Self::beside).
    pub datasets: u64,
    /// Packets or records of one epoch as they are held; the epoch ends there. Held
    /// [`EPOCH_INPUT_HELD`] times.
    pub epoch_input: u64,
    /// What all parsers may return of one epoch before it is cut. Held [`PARSED_HELD`] times.
    pub parsed: u64,
    /// What all detectors and policies may say of one epoch before it is cut. Held
    /// [`OUTPUT_HELD`] times.
    pub output: u64,
    /// Windows of compressed inputs, both layers together.
    pub compression: u64,
    /// All flows, at [`FLOW`] bytes each.
    pub flows: u64,
    /// Bytes of TCP that wait for order.
    pub reassembly: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Bytes that are held of flows until they are recognised, and that parsers leave over.
    pub sessions: u64,
    /// State tables of all plugins.
    pub state: u64,
    /// Pending timers of all plugins.
    pub timers: u64,
    /// Markings and labels of earlier events, for findings that cite them.
    pub markings: u64,
    /// Linear memories and tables of all instances of all plugins, with what the pool keeps.
    pub guests: u64,
    /// The same of one plugin.
    pub plugin: u64,
    /// Calls under way, all workers together.
    pub calls: u64,
}

impl Memory {
    /// The least total that leaves every part enough to work with.
    pub const LEAST: u64 = 256 * MEBIBYTE;

    /// The shares of `total`, at least [`LEAST`](Self::LEAST); `None`: of 768 MiB and 128 MiB
    /// more for each worker, two at least.
    pub fn of(total: Option<NonZeroU64>, workers: usize) -> Memory {
        let (host, workers) = match total {
            None => (BASE, WORKER * workers.clamp(2, 256) as u64),
            Some(total) => {
                let total = total.get().max(Self::LEAST);
                (total - total / 4, total / 4)
            }
        };
        Memory::shares(host, workers, 0)
    }

    /// The shares of the same total where datasets take so many bytes, at most
    /// [`most_datasets`](Self::most_datasets): they come off before everything but guests, calls
    /// under way and the program gets its share of the rest. What is not a whole MiB is the
    /// program's.
    pub fn beside(&self, datasets: u64) -> Memory {
        let workers = self.guests + self.calls;
        let datasets = datasets.min(self.most_datasets()) / MEBIBYTE * MEBIBYTE;
        Memory::shares(self.total - workers, workers, datasets)
    }

    /// The most that all datasets may take together: a third of what is not for guests and calls
    /// under way. That is a quarter of a total that was given.
    pub fn most_datasets(&self) -> u64 {
        (self.total - self.guests - self.calls) / 3
    }

    /// The most that a pack may take while it is loaded, one after the other: half of the total. A
    /// run has not begun then, so that of its shares only datasets are there.
    pub fn most_pack(&self) -> u64 {
        self.total / 2
    }

    fn shares(host: u64, workers: u64, datasets: u64) -> Memory {
        // Shares of what the program itself and datasets leave, in MiB of the default.
        let scaled = u128::from(host.saturating_sub(PROGRAM + datasets));
        let share = |mebibytes: u64| {
            let bytes = u128::from(mebibytes * MEBIBYTE) * scaled / u128::from(BASE - PROGRAM);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let calls = workers * WORKER_CALLS / WORKER;
        Memory {
            total: host + workers,
            program: PROGRAM,
            datasets,
            epoch_input: share(24),
            parsed: share(24),
            output: share(40),
            compression: share(64),
            flows: share(192),
            reassembly: share(40),
            fragments: share(8),
            sessions: share(40),
            state: share(88),
            timers: share(24),
            markings: share(8),
            guests: workers - calls,
            plugin: (workers - calls) / 2,
            calls,
        }
    }

    /// The most flows at a time.
    pub fn max_flows(&self) -> usize {
        usize::try_from(self.flows / FLOW).unwrap_or(usize::MAX)
    }
}

/// Bytes as a `usize`, as far as it goes.
pub(crate) fn bytes(share: u64) -> usize {
    usize::try_from(share).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datasets_may_by_default_take_what_there_is_for_them() {
        let most = Memory::of(None, 2).most_datasets();
        assert_eq!(
            palisade_state::datasets::DatasetLimits::default().held,
            most
        );
    }

    fn sum(m: &Memory) -> u64 {
        m.program
            + m.datasets
            + m.epoch_input * EPOCH_INPUT_HELD
            + m.parsed * PARSED_HELD
            + m.output * OUTPUT_HELD
            + m.compression
            + m.flows
            + m.reassembly
            + m.fragments
            + m.sessions
            + m.state
            + m.timers
            + m.markings
            + m.guests
            + m.calls
    }

    #[test]
    fn shares_are_the_total_whatever_it_is() {
        for workers in [1, 2, 16, 64, 256] {
            let memory = Memory::of(None, workers);
            assert_eq!(sum(&memory), memory.total, "{workers} workers");
            assert_eq!(memory.total, (768 + 128 * workers.max(2) as u64) * MEBIBYTE);
            for total in [1, Memory::LEAST, 1 << 30, 64 << 30] {
                let memory = Memory::of(NonZeroU64::new(total), workers);
                assert!(sum(&memory) <= memory.total, "{memory:?}");
                assert_eq!(memory.total, total.max(Memory::LEAST));
            }
        }
    }

    #[test]
    fn datasets_are_part_of_the_total() {
        for total in [None, NonZeroU64::new(1), NonZeroU64::new(8 << 30)] {
            for workers in [1, 2, 64] {
                let alone = Memory::of(total, workers);
                assert_eq!(alone.beside(MEBIBYTE - 1), alone);
                let most = alone.most_datasets();
                for datasets in [MEBIBYTE, most / 2, most, most + 1, u64::MAX] {
                    let beside = alone.beside(datasets);
                    assert!(sum(&beside) <= beside.total, "{beside:?}");
                    assert_eq!(beside.datasets, datasets.min(most) / MEBIBYTE * MEBIBYTE);
                    assert!(beside.flows > alone.flows / 3 && beside.flows < alone.flows);
                    let apart = |m: &Memory| (m.total, m.program, m.guests, m.plugin, m.calls);
                    assert_eq!(apart(&beside), apart(&alone));
                    assert_eq!(beside.most_datasets(), most);
                }
            }
        }
        // A quarter of what was given, and of the default of two workers.
        let given = Memory::of(NonZeroU64::new(1 << 30), 64);
        assert_eq!(given.most_datasets(), 256 * MEBIBYTE);
        assert_eq!(Memory::of(None, 64).most_datasets(), 256 * MEBIBYTE);
    }

    #[test]
    fn what_shows_when_it_is_full_does_not_depend_on_workers() {
        let alike = |m: Memory| (m.state, m.flows, m.reassembly, m.fragments, m.epoch_input);
        assert_eq!(alike(Memory::of(None, 1)), alike(Memory::of(None, 64)));
        let total = NonZeroU64::new(1 << 30);
        assert_eq!(Memory::of(total, 1), Memory::of(total, 64));
        // Two workers have by default what this number gives.
        assert_eq!(
            Memory::of(NonZeroU64::new(1024 * MEBIBYTE), 7),
            Memory::of(None, 2)
        );
    }
}
