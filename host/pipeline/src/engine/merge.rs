//! From news of flows and rows of parsers to batches, in the order of the input.

use std::sync::Arc;

use hashbrown::HashMap;
use palisade_events::{
    Batch, BatchBuilder, BatchError, Body, FlowPhase, Kind, NetworkFlow, Pick, Segment, Source,
    Stamp, Timestamp, batches,
};

use super::adopt::SourcePosition;
use super::ingest::FlowNews;
use super::parse::{ParseOutput, Recognised};
use super::piece::Order;

/// What a parser's recognition says of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    /// Becomes `app-proto`.
    pub name: Arc<str>,
    /// Becomes `encrypted`.
    pub encrypted: Option<bool>,
}

/// What is remembered of a flow from its start to its end.
struct Known {
    news: FlowNews,
    protocol: Option<Protocol>,
    /// The number of the record that it began in.
    since: u64,
}

/// Flows of a source that have not ended.
#[derive(Clone, Debug)]
pub struct OpenFlows {
    /// The source.
    pub source: Arc<Source>,
    /// Their ids, in no order.
    pub ids: Vec<u64>,
    /// The number of the epoch in which the first of them began; see
    /// [`Epoch::kept_as`](super::Epoch::kept_as).
    pub since: u64,
}

/// Puts together what the stages of one source yield.
pub(crate) struct Merge {
    source: Arc<Source>,
    flows: HashMap<u64, Known>,
    /// News, and what was recognised, that come after what is not parsed yet.
    waiting: Vec<FlowNews>,
    waiting_recognised: Vec<Recognised>,
    next_seq: u64,
    batch_rows: usize,
    /// The number of the record that it is at.
    record: u64,
}

/// One thing that becomes an event, at its place in the input.
#[derive(Clone, Copy)]
enum Item {
    News(u32),
    Recognised(u32),
    Row { table: u32, row: u32 },
}

impl Merge {
    /// Merges for one source, into batches of at most so many rows.
    pub(crate) fn new(source: Arc<Source>, batch_rows: usize) -> Merge {
        Merge {
            source,
            flows: HashMap::new(),
            waiting: Vec::new(),
            waiting_recognised: Vec::new(),
            next_seq: 0,
            batch_rows,
            record: 0,
        }
    }

    /// How far the source has come.
    pub(crate) fn position(&self) -> SourcePosition {
        SourcePosition {
            source: Arc::clone(&self.source),
            next: self.next_seq,
        }
    }

    /// The number of the next event.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// What comes next is kept under this number.
    pub(crate) fn keep_as(&mut self, record: u64) {
        self.record = record;
    }

    /// The flows that have not ended, if there are any.
    pub(crate) fn open(&self) -> Option<OpenFlows> {
        let since = self.flows.values().map(|known| known.since).min()?;
        Some(OpenFlows {
            source: Arc::clone(&self.source),
            ids: self.flows.keys().copied().collect(),
            since,
        })
    }

    /// Goes on with this number.
    pub(crate) fn go_on_at(&mut self, next: u64) {
        self.next_seq = next;
    }

    /// Whether batches that are numbered already can be taken as they are: their numbers go on
    /// where those so far end. They count as made then.
    pub(crate) fn continues(&mut self, batches: &[Batch]) -> bool {
        let first = batches.iter().filter_map(|b| b.seqs().first()).min();
        if first.is_some_and(|first| *first != self.next_seq) {
            return false;
        }
        self.next_seq += batches.iter().map(|b| b.len() as u64).sum::<u64>();
        true
    }

    /// The source's batches of one epoch, or of a part of it, by the sequence number of their
    /// first event; `protocols` are those of the parsers by position. Where pieces are left to be parsed, news that come after the first of them
    /// wait for them.
    ///
    /// # Errors
    /// When a batch cannot be made, which is a defect of this program.
    pub(crate) fn epoch(
        &mut self,
        news: Vec<FlowNews>,
        parsed: Vec<ParseOutput>,
        protocols: &[Protocol],
    ) -> Result<Vec<Batch>, BatchError> {
        let rest = parsed.iter().filter_map(|output| output.rest).min();
        let mut waited = std::mem::take(&mut self.waiting);
        let news = match waited.is_empty() {
            true => news,
            false => {
                waited.extend(news);
                waited
            }
        };
        let mut recognised = std::mem::take(&mut self.waiting_recognised);
        recognised.extend(parsed.iter().flat_map(|output| &output.recognised));
        let (news, recognised) = match rest {
            None => (news, recognised),
            Some(rest) => {
                let (news, later) = news.into_iter().partition(|n| n.order < rest);
                self.waiting = later;
                let (now, later) = recognised.into_iter().partition(|r| r.order < rest);
                self.waiting_recognised = later;
                (news, now)
            }
        };
        let mut items: Vec<(Order, u8, Item)> = Vec::new();
        items.extend(
            news.iter()
                .zip(0..)
                .map(|(n, i)| (n.order, 0, Item::News(i))),
        );
        let mut tables = Vec::new();
        for output in parsed {
            for table in output.tables {
                let number = tables.len() as u32;
                let rows = table.rows.iter();
                items.extend(rows.map(|(order, row)| {
                    (
                        *order,
                        2,
                        Item::Row {
                            table: number,
                            row: *row,
                        },
                    )
                }));
                tables.push(table.segment);
            }
        }
        items.extend(
            recognised
                .iter()
                .zip(0..)
                .map(|(r, i)| (r.order, 1, Item::Recognised(i))),
        );
        // Stable: rows of one piece stay as their parser put them.
        items.sort_by_key(|(order, class, _)| (*order, *class));
        self.build(&items, &news, (&recognised, protocols), &tables)
    }

    fn build(
        &mut self,
        items: &[(Order, u8, Item)],
        news: &[FlowNews],
        (recognised, protocols): (&[Recognised], &[Protocol]),
        tables: &[Segment],
    ) -> Result<Vec<Batch>, BatchError> {
        let mut out = Vec::new();
        let mut flows = BatchBuilder::new(Kind::NetworkFlow, Arc::clone(&self.source));
        let mut picked: Vec<Picked> = Vec::new();
        for (order, _, item) in items {
            let seq = self.next_seq;
            let event = match item {
                Item::Row { table, row } => {
                    let kind = tables[*table as usize].kind();
                    let place = match picked.iter().position(|p| p.kind == kind) {
                        Some(place) => place,
                        None => {
                            picked.push(Picked::new(kind));
                            picked.len() - 1
                        }
                    };
                    picked[place].add(tables, *table, *row, seq);
                    self.next_seq += 1;
                    continue;
                }
                Item::News(i) => self.news(&news[*i as usize]),
                Item::Recognised(i) => {
                    let recognised = &recognised[*i as usize];
                    match self.recognised(recognised, *order, protocols) {
                        Some(event) => event,
                        None => continue,
                    }
                }
            };
            let (time, event) = event;
            let time = Timestamp(time);
            let stamp = Stamp {
                time,
                ingest_time: time,
                seq,
            };
            if flows.len() >= self.batch_rows || flows.is_full() {
                out.push(flows.finish()?);
            }
            flows
                .push(stamp, &Body::NetworkFlow(event))
                .map_err(|e| BatchError::Columns {
                    kind: Kind::NetworkFlow,
                    problem: e.to_string(),
                })?;
            self.next_seq += 1;
        }
        if !flows.is_empty() {
            out.push(flows.finish()?);
        }
        for picked in picked {
            for (picks, seqs) in picked
                .picks
                .chunks(self.batch_rows)
                .zip(picked.seqs.chunks(self.batch_rows))
            {
                out.extend(batches(&self.source, &picked.segments, picks, seqs)?);
            }
        }
        out.sort_by_key(|batch| batch.seqs().first().copied());
        Ok(out)
    }

    fn news(&mut self, news: &FlowNews) -> (u64, NetworkFlow) {
        let protocol = match news.phase {
            FlowPhase::Start => {
                self.flows.insert(
                    news.flow,
                    Known {
                        news: news.clone(),
                        protocol: None,
                        since: self.record,
                    },
                );
                None
            }
            FlowPhase::End => self
                .flows
                .remove(&news.flow)
                .and_then(|known| known.protocol),
            _ => self
                .flows
                .get(&news.flow)
                .and_then(|known| known.protocol.clone()),
        };
        (news.time, event(news, protocol.as_ref()))
    }

    fn recognised(
        &mut self,
        recognised: &Recognised,
        order: Order,
        protocols: &[Protocol],
    ) -> Option<(u64, NetworkFlow)> {
        let known = self.flows.get_mut(&recognised.flow.id)?;
        known.protocol = protocols.get(recognised.parser).cloned();
        let news = FlowNews {
            order,
            phase: FlowPhase::Recognised,
            time: recognised.time,
            ended: recognised.time,
            // Its packets are counted by the news before and after.
            packets: [0; 2],
            bytes: [0; 2],
            syn_only: 0,
            ..known.news.clone()
        };
        Some((recognised.time, event(&news, known.protocol.as_ref())))
    }
}

/// The event that news of a flow become.
fn event(news: &FlowNews, protocol: Option<&Protocol>) -> NetworkFlow {
    let context = &news.context;
    NetworkFlow {
        owner: context.owner.clone(),
        src: context.src.clone(),
        dst: context.dst.clone(),
        flow: context.flow.clone(),
        phase: news.phase,
        transport: context.transport,
        direction: context.direction,
        app_proto: protocol.map(|p| p.name.to_string()),
        encrypted: protocol.and_then(|p| p.encrypted),
        started: Timestamp(news.started),
        ended: Timestamp(news.ended),
        pkts_out: news.packets[0],
        pkts_in: news.packets[1],
        bytes_out: news.bytes[0],
        bytes_in: news.bytes[1],
        syn_only_pkts: news.syn_only,
        first_bytes: palisade_events::Bytes(news.first_bytes.clone()),
    }
}

/// The rows of one kind in an epoch.
struct Picked {
    kind: Kind,
    segments: Vec<Segment>,
    /// Where a table stands in `segments`.
    numbers: HashMap<u32, u32>,
    picks: Vec<Pick>,
    seqs: Vec<u64>,
}

impl Picked {
    fn new(kind: Kind) -> Picked {
        Picked {
            kind,
            segments: Vec::new(),
            numbers: HashMap::new(),
            picks: Vec::new(),
            seqs: Vec::new(),
        }
    }

    fn add(&mut self, tables: &[Segment], table: u32, row: u32, seq: u64) {
        let segments = &mut self.segments;
        let number = *self.numbers.entry(table).or_insert_with(|| {
            segments.push(tables[table as usize].clone());
            segments.len() as u32 - 1
        });
        self.picks.push((number, row));
        self.seqs.push(seq);
    }
}
