//! Enriches whole batches.

use std::sync::Arc;

use palisade_events::{
    Batch, BatchError, CodeBuilder, Column, ColumnBuilder, ColumnError, Direction, FieldId,
    IpAddress, Kind, Owner, OwnerBuilder, Segment, Source, Values, batches,
};

use super::{Belonging, Networks, Side, judge};

/// Why a batch cannot be enriched. It is a defect of this program.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// A column cannot be had.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// The batch cannot be made.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A column cannot be made.
    #[error("a column cannot be made: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}

const SRC: FieldId = FieldId::of("src.ip");
const DST: FieldId = FieldId::of("dst.ip");
const DIRECTION: FieldId = FieldId::of("direction");
const OWNER: [FieldId; 4] = [
    FieldId::of("owner.customer"),
    FieldId::of("owner.subscriber"),
    FieldId::of("owner.device"),
    FieldId::of("owner.user"),
];

/// Whether events of the kind have both ends and an owner.
fn has_ends(kind: Kind) -> bool {
    use palisade_events::field;
    [SRC, DST, OWNER[0]]
        .into_iter()
        .all(|id| field(kind, id).is_some())
}

/// Whether the field `direction` says which way traffic went, and not which side of a
/// conversation spoke.
fn has_direction(kind: Kind) -> bool {
    matches!(kind, Kind::NetworkFlow | Kind::NetworkMail)
}

impl Networks {
    /// Fills `owner` and, in flows and mails, `direction`, in rows that leave all of
    /// `owner`, or `direction`, open. Kinds without source, destination and owner come
    /// back as they are.
    ///
    /// There are several batches, in order, when the dataset gives rows to tenants other
    /// than the source's: consecutive rows of one tenant stay together, sequence numbers
    /// and slot stay as they are.
    ///
    /// # Errors
    /// See [`EnrichError`].
    pub fn enrich(&self, batch: &Batch) -> Result<Vec<Batch>, EnrichError> {
        if !has_ends(batch.kind()) || (self.addresses.is_empty() && !self.needs_links()) {
            return Ok(vec![batch.clone()]);
        }
        let (src, dst) = (batch.column(SRC)?, batch.column(DST)?);
        let judged = self.judge_rows(&src, &dst, batch.len());
        let enriched = self.fill(batch, &judged)?;
        if self.has_tenants() {
            self.split(enriched, &judged)
        } else {
            Ok(vec![enriched])
        }
    }

    fn judge_rows(&self, src: &Column, dst: &Column, rows: usize) -> Vec<(Direction, u32)> {
        let mut last: Option<([IpAddress; 2], (Direction, u32))> = None;
        let mut judge_row = |row| {
            let ips = [address(src, row), address(dst, row)];
            if let Some((known, judged)) = last
                && known == ips
            {
                return judged;
            }
            let at = ips.map(|ip| self.addresses.find(ip));
            let said = at.map(|at| self.said(at));
            let (direction, side) = judge((ips[0], said[0]), (ips[1], said[1]));
            let judged = match side {
                Side::Src => (direction, at[0]),
                Side::Dst => (direction, at[1]),
                Side::Neither => (direction, 0),
            };
            last = Some((ips, judged));
            judged
        };
        (0..rows).map(&mut judge_row).collect()
    }

    fn fill(&self, batch: &Batch, judged: &[(Direction, u32)]) -> Result<Batch, EnrichError> {
        let mut enriched = batch.clone();
        let [customer, subscriber, device, user] = OWNER.map(|id| batch.column(id));
        let given = [customer?, subscriber?, device?, user?];
        let is_given = |row| given.iter().any(|column| column.is_valid(row));
        if judged.iter().any(|(_, at)| self.said(*at).has_owner()) {
            let mut owner = OwnerBuilder::default();
            for (row, (_, at)) in judged.iter().enumerate() {
                if is_given(row) {
                    push_given(&mut owner, &given, row);
                } else {
                    push_said(&mut owner, self.said(*at));
                }
            }
            let array = ColumnBuilder::<Owner>::finish(&mut owner, None)?;
            enriched = enriched.with_field("owner", array)?;
        }
        if has_direction(batch.kind()) {
            let given = batch.column(DIRECTION)?;
            let unknown = Direction::Unknown.code();
            let mut direction = CodeBuilder::default();
            for (row, (judged, _)) in judged.iter().enumerate() {
                let own = code(&given, row).filter(|code| *code != unknown);
                direction.add(own.and_then(Direction::from_code).unwrap_or(*judged));
            }
            enriched = enriched.with_field("direction", direction.finish(None)?)?;
        }
        Ok(enriched)
    }

    fn split(&self, batch: Batch, judged: &[(Direction, u32)]) -> Result<Vec<Batch>, EnrichError> {
        let own = Arc::clone(batch.source());
        let tenant = |at: u32| self.said(at).tenant.as_deref().unwrap_or(&own.tenant);
        if judged.iter().all(|(_, at)| tenant(*at) == own.tenant) {
            return Ok(vec![batch]);
        }
        let segments = [Segment::from(&batch)];
        let mut parts = Vec::new();
        let mut begin = 0;
        for rows in judged.chunk_by(|(_, a), (_, b)| tenant(*a) == tenant(*b)) {
            let end = begin + rows.len();
            let whose = rows
                .first()
                .map_or(own.tenant.as_str(), |(_, at)| tenant(*at));
            let source = if whose == own.tenant {
                Arc::clone(&own)
            } else {
                Arc::new(Source {
                    tenant: whose.to_owned(),
                    ..Source::clone(&own)
                })
            };
            let picks: Vec<_> = (begin..end)
                .filter_map(|row| Some((0, row.try_into().ok()?)))
                .collect();
            let seqs = batch.seqs().get(begin..end).unwrap_or_default();
            parts.extend(batches(&source, &segments, &picks, seqs)?);
            begin = end;
        }
        Ok(parts)
    }
}

fn address(column: &Column, row: usize) -> IpAddress {
    let Values::Address(bytes) = &column.values else {
        return IpAddress::default();
    };
    let bytes = bytes
        .get(row * 16..row * 16 + 16)
        .and_then(|bytes| bytes.try_into().ok());
    IpAddress(bytes.unwrap_or_default())
}

fn code(column: &Column, row: usize) -> Option<u8> {
    match &column.values {
        Values::U8(codes) => codes.get(row).copied(),
        _ => None,
    }
}

fn push_given(to: &mut OwnerBuilder, given: &[Column; 4], row: usize) {
    let text = |column: &Column| {
        let valid = column.is_valid(row);
        valid.then(|| String::from_utf8_lossy(column.values.text(row)).into_owned())
    };
    let [customer, subscriber, device, user] = given;
    to.customer.push_str(text(customer).as_deref());
    to.subscriber.push_str(text(subscriber).as_deref());
    to.device.push_str(text(device).as_deref());
    to.user.push_str(text(user).as_deref());
}

fn push_said(to: &mut OwnerBuilder, said: &Belonging) {
    to.customer.push_str(said.customer.as_deref());
    to.subscriber.push_str(said.subscriber.as_deref());
    to.device.push_str(said.device.as_deref());
    to.user.push_str(said.user.as_deref());
}
