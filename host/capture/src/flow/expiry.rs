//! Event time: what falls due when.

use crate::{TcpSegment, protocol};

use super::config::{FlowConfig, nanoseconds};
use super::entry::Flow;
use super::list::{Lanes, List};
use super::sink::{EndReason, FlowSink, Phase};
use super::table::FlowTable;

/// Flows are moved to the end of their idle list at most this often, about four times a
/// second: the order of the list is only as fine, but packets seldom touch it.
const COARSE: u64 = 1 << 28;

/// What decides how long a flow may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    TcpUnanswered,
    Tcp,
    TcpClosed,
    Udp,
    Icmp,
    Other,
}

impl Class {
    const COUNT: usize = 6;

    pub(super) fn of_first(protocol: u8, tcp: Option<&TcpSegment>) -> Self {
        match (protocol, tcp) {
            (_, Some(tcp)) if tcp.flags.syn() && !tcp.flags.ack() => Self::TcpUnanswered,
            (protocol::TCP, _) => Self::Tcp,
            (protocol::UDP, _) => Self::Udp,
            (protocol::ICMP | protocol::ICMPV6, _) => Self::Icmp,
            _ => Self::Other,
        }
    }
}

/// The clock of a table, and the lists of what falls due.
pub(super) struct Clock {
    /// Latest packet time.
    pub(super) now: u64,
    /// Nothing falls due before this.
    next: u64,
    idle: [List; Class::COUNT],
    idle_after: [u64; Class::COUNT],
    idle_lanes: Lanes,
    /// Flows with unreported packets, by the time of the first of them.
    updates: List,
    update_lanes: Lanes,
    update_after: u64,
    /// Flows with data that waits for order, by how long it does.
    waiting: List,
    waiting_lanes: Lanes,
    wait_at_most: u64,
}

impl Clock {
    pub(super) fn new(config: &FlowConfig) -> Self {
        Self {
            now: 0,
            next: u64::MAX,
            idle: [List::default(); Class::COUNT],
            idle_after: [
                config.tcp_unanswered,
                config.tcp_idle,
                config.tcp_closed,
                config.udp_idle,
                config.icmp_idle,
                config.other_idle,
            ]
            .map(nanoseconds),
            idle_lanes: Lanes::default(),
            updates: List::default(),
            update_lanes: Lanes::default(),
            update_after: nanoseconds(config.update_interval),
            waiting: List::default(),
            waiting_lanes: Lanes::default(),
            wait_at_most: nanoseconds(config.reassembly.wait),
        }
    }

    pub(super) fn grow(&mut self) {
        self.idle_lanes.grow();
        self.update_lanes.grow();
        self.waiting_lanes.grow();
    }

    /// Something falls due then.
    pub(super) fn due_at(&mut self, time: u64) {
        self.next = self.next.min(time);
    }

    fn idle_after(&self, class: Class) -> u64 {
        self.idle_after[class as usize]
    }

    #[inline]
    pub(super) fn is_idle(&self, class: Class, touched: u64) -> bool {
        self.now - touched >= self.idle_after(class)
    }

    /// Event time at which a flow ended, for this reason.
    pub(super) fn end_time<T>(&self, flow: Option<&Flow<T>>, reason: EndReason) -> u64 {
        match flow {
            Some(flow) if reason == EndReason::Idle => {
                flow.touched.saturating_add(self.idle_after(flow.class))
            }
            _ => self.now,
        }
    }

    #[inline]
    pub(super) fn coarse(&self, moved: u64) -> bool {
        self.now - moved >= COARSE
    }

    pub(super) fn admit(&mut self, slot: u32, class: Class) {
        self.idle_lanes.push(&mut self.idle[class as usize], slot);
        self.due_at(self.now.saturating_add(self.idle_after(class)));
    }

    pub(super) fn move_to_end(&mut self, slot: u32, class: Class) {
        let list = &mut self.idle[class as usize];
        self.idle_lanes.remove(list, slot);
        self.idle_lanes.push(list, slot);
    }

    pub(super) fn change(&mut self, slot: u32, from: Class, to: Class) {
        self.idle_lanes.remove(&mut self.idle[from as usize], slot);
        self.admit(slot, to);
    }

    pub(super) fn dismiss(&mut self, slot: u32, class: Class) {
        self.idle_lanes.remove(&mut self.idle[class as usize], slot);
        self.update_lanes.remove(&mut self.updates, slot);
        self.waiting_lanes.remove(&mut self.waiting, slot);
    }

    #[inline]
    pub(super) fn update_waits(&self, slot: u32) -> bool {
        self.update_lanes.contains(slot)
    }

    /// The flow has unreported packets from now on. Returns when they fall due.
    pub(super) fn wait_for_update(&mut self, slot: u32) -> u64 {
        let due = self.now.saturating_add(self.update_after);
        self.update_lanes.push(&mut self.updates, slot);
        self.due_at(due);
        due
    }

    /// The flow has data that waits for order, anew from now on.
    pub(super) fn wait_for_order(&mut self, slot: u32) {
        self.waiting_lanes.remove(&mut self.waiting, slot);
        self.waiting_lanes.push(&mut self.waiting, slot);
        self.due_at(self.now.saturating_add(self.wait_at_most));
    }

    pub(super) fn waits_for_order(&self, slot: u32) -> bool {
        self.waiting_lanes.contains(slot)
    }

    pub(super) fn in_order(&mut self, slot: u32) {
        self.waiting_lanes.remove(&mut self.waiting, slot);
    }

    pub(super) fn waits_longest(&self) -> Option<u32> {
        self.waiting.first()
    }

    /// The least recent flow of the class that holds most.
    fn victim(&self) -> Option<u32> {
        self.idle.iter().max_by_key(|list| list.len())?.first()
    }
}

/// What can fall due.
enum Due {
    Order(u32),
    Update(u32),
    Idle(u32),
}

impl<T: Default> FlowTable<T> {
    /// Moves the clock to `time`, if it is later, and does what falls due until then, in
    /// order of time. For tables that see only a part of the packets, or none for a
    /// while.
    pub fn advance<K: FlowSink<State = T>>(&mut self, time: u64, packet: u64, sink: &mut K) {
        if time > self.clock.now {
            self.clock.now = time;
        }
        if self.clock.now >= self.clock.next {
            self.fall_due(packet, sink);
        }
    }

    #[cold]
    fn fall_due<K: FlowSink<State = T>>(&mut self, packet: u64, sink: &mut K) {
        self.clock.next = u64::MAX;
        self.expire_fragments();
        loop {
            let Some((time, due)) = self.earliest() else {
                return;
            };
            if time > self.clock.now {
                self.clock.due_at(time);
                return;
            }
            match due {
                Due::Order(slot) => self.flush(slot, time, packet, sink),
                Due::Update(slot) => {
                    let clock = &mut self.clock;
                    clock.update_lanes.remove(&mut clock.updates, slot);
                    if let Some(Some(flow)) = self.flows.get_mut(slot as usize)
                        && flow.has_news()
                    {
                        flow.emit(Phase::Update, time, packet, None, sink);
                    }
                }
                Due::Idle(slot) => self.end(slot, EndReason::Idle, time, packet, sink),
            }
        }
    }

    /// What falls due first. Ties: data before news before ends.
    fn earliest(&self) -> Option<(u64, Due)> {
        let flow = |slot: u32| self.flows.get(slot as usize)?.as_ref();
        let mut first: Option<(u64, Due)> = None;
        let mut consider = |time: u64, due: Due| {
            if first.as_ref().is_none_or(|(earliest, _)| time < *earliest) {
                first = Some((time, due));
            }
        };
        let clock = &self.clock;
        if let Some(slot) = clock.waiting.first()
            && let Some(flow) = flow(slot)
        {
            let time = flow.waits_since.saturating_add(clock.wait_at_most);
            consider(time, Due::Order(slot));
        }
        if let Some(slot) = clock.updates.first()
            && let Some(flow) = flow(slot)
        {
            consider(flow.update_due, Due::Update(slot));
        }
        for (list, after) in clock.idle.iter().zip(clock.idle_after) {
            if let Some(slot) = list.first()
                && let Some(flow) = flow(slot)
            {
                consider(flow.touched.saturating_add(after), Due::Idle(slot));
            }
        }
        first
    }

    /// Ends a flow to make room.
    #[cold]
    pub(super) fn evict<K: FlowSink<State = T>>(&mut self, packet: u64, sink: &mut K) {
        if let Some(slot) = self.clock.victim() {
            self.end(slot, EndReason::Evicted, self.clock.now, packet, sink);
        }
    }
}
