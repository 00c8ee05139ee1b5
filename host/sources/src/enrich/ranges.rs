//! Finds the narrowest of nested address ranges.

use ipnet::IpNet;
use palisade_events::IpAddress;

/// Address ranges cut into pieces that do not overlap, each with a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    /// First address of each piece; a piece ends where the next begins.
    starts: Vec<u128>,
    values: Vec<u32>,
}

/// The first and the last address of a network; an IPv4 one within `::ffff:0:0/96`.
pub(super) fn bounds(net: &IpNet) -> (u128, u128) {
    let number = |ip| u128::from_be_bytes(IpAddress::from(ip).0);
    (number(net.network()), number(net.broadcast()))
}

impl Ranges {
    /// Pieces for networks that were sorted by [`order`], so that each follows those
    /// that hold it. `combine` makes the value of a network from its position and the
    /// value of the next wider one.
    pub(super) fn new(nets: &[IpNet], mut combine: impl FnMut(usize, Option<u32>) -> u32) -> Self {
        let mut ranges = Self::default();
        // Networks that hold the present one: where they end, and their value.
        let mut open: Vec<(u128, u32)> = Vec::new();
        for (at, net) in nets.iter().enumerate() {
            let (first, last) = bounds(net);
            ranges.close(&mut open, Some(first));
            let value = combine(at, open.last().map(|(_, value)| *value));
            ranges.begin(first, value);
            open.push((last, value));
        }
        ranges.close(&mut open, None);
        ranges
    }

    /// Whether there is no network.
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Ends networks that do not reach `until`.
    fn close(&mut self, open: &mut Vec<(u128, u32)>, until: Option<u128>) {
        while let Some((last, _)) = open.last().copied() {
            if until.is_some_and(|until| until <= last) {
                return;
            }
            open.pop();
            if let Some(next) = last.checked_add(1) {
                self.begin(next, open.last().map_or(0, |(_, value)| *value));
            }
        }
    }

    fn begin(&mut self, start: u128, value: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        self.starts.push(start);
        self.values.push(value);
    }

    /// The value of the narrowest network that holds `ip`; 0 if none does.
    pub(super) fn find(&self, ip: IpAddress) -> u32 {
        let ip = u128::from_be_bytes(ip.0);
        let after = self.starts.partition_point(|start| *start <= ip);
        after
            .checked_sub(1)
            .and_then(|at| self.values.get(at))
            .copied()
            .unwrap_or(0)
    }
}

/// By first address, wider networks first.
pub(super) fn order(net: &IpNet) -> (u128, std::cmp::Reverse<u128>) {
    let (first, last) = bounds(net);
    (first, std::cmp::Reverse(last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_looking_at_every_network(
            nets in prop::collection::vec((any::<u8>(), 24u8..=32), 0..12),
            asked in any::<u8>(),
        ) {
            let net = |(host, len): (u8, u8)| -> IpNet {
                let net: IpNet = format!("192.0.2.{host}/{len}").parse().unwrap();
                net.trunc()
            };
            let mut nets: Vec<IpNet> = nets.into_iter().map(net).collect();
            nets.sort_by_key(order);
            nets.dedup();
            let ranges = Ranges::new(&nets, |at, _| u32::try_from(at).unwrap() + 1);
            for ip in [format!("192.0.2.{asked}"), "192.0.1.255".into(), "::1".into()] {
                let ip: std::net::IpAddr = ip.parse().unwrap();
                let narrowest = nets
                    .iter()
                    .enumerate()
                    .filter(|(_, net)| net.contains(&ip))
                    .max_by_key(|(_, net)| net.prefix_len())
                    .map_or(0, |(at, _)| u32::try_from(at).unwrap() + 1);
                prop_assert_eq!(ranges.find(ip.into()), narrowest);
            }
        }
    }

    #[test]
    fn the_ends_of_the_address_space() {
        let nets: Vec<IpNet> = vec!["::/0".parse().unwrap(), "ff00::/8".parse().unwrap()];
        let ranges = Ranges::new(&nets, |at, _| u32::try_from(at).unwrap() + 1);
        let find = |ip: &str| ranges.find(ip.parse().unwrap());
        assert_eq!((find("::"), find("fe80::1"), find("ff02::1")), (1, 1, 2));
        assert_eq!(find("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2);
    }
}
