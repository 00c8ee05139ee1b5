//! Addresses by all networks that contain them.

use std::hash::Hash;

use hashbrown::HashMap;
use palisade_events::IpAddress;

/// A network: the first `length` bits of an address in its 16-byte form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    pub(crate) address: IpAddress,
    /// 0 to 128. That of an IPv4 network is 96 more than as it is written.
    pub(crate) length: u8,
}

impl Network {
    /// The network of one address.
    pub(crate) fn host(address: IpAddress) -> Network {
        Network {
            address,
            length: 128,
        }
    }

    /// With the bits beyond the length cleared.
    pub(crate) fn masked(self) -> Network {
        let bits = u128::from_be_bytes(self.address.0) & mask(self.length);
        Network {
            address: IpAddress(bits.to_be_bytes()),
            length: self.length,
        }
    }

    /// Whether it is a network of IPv4 addresses.
    fn is_ipv4(self) -> bool {
        self.length >= 96 && is_ipv4(u128::from_be_bytes(self.address.0))
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX
        .checked_shl(128 - u32::from(length.min(128)))
        .unwrap_or(0)
}

fn is_ipv4(bits: u128) -> bool {
    bits >> 32 == 0xffff
}

/// Networks, each with the first entry that stands for it.
///
/// The families are apart: `::/0` holds no IPv4 address. One look-up is made for every
/// prefix length that occurs, which in practice are few, and reads one place in memory,
/// where a trie would walk through as many nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    heads: HashMap<(u128, u8), u32>,
    /// Lengths that occur, the longest first.
    ipv4: Vec<u8>,
    ipv6: Vec<u8>,
}

impl Networks {
    /// Puts a network in; returns what stood for it before.
    pub(crate) fn insert(&mut self, network: Network, entry: u32) -> Option<u32> {
        let network = network.masked();
        let lengths = match network.is_ipv4() {
            true => &mut self.ipv4,
            false => &mut self.ipv6,
        };
        if let Err(at) = lengths.binary_search_by(|other| network.length.cmp(other)) {
            lengths.insert(at, network.length);
        }
        let bits = u128::from_be_bytes(network.address.0);
        self.heads.insert((bits, network.length), entry)
    }

    /// The entry that stands for a network.
    pub(crate) fn get(&self, network: Network) -> Option<u32> {
        let bits = u128::from_be_bytes(network.masked().address.0);
        self.heads.get(&(bits, network.length)).copied()
    }

    /// The entries of all networks that hold the address, the narrowest network first.
    pub(crate) fn holding(&self, address: [u8; 16]) -> impl Iterator<Item = u32> {
        let bits = u128::from_be_bytes(address);
        let lengths = match is_ipv4(bits) {
            true => &self.ipv4,
            false => &self.ipv6,
        };
        lengths
            .iter()
            .filter_map(move |length| self.heads.get(&(bits & mask(*length), *length)).copied())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        let (address, length) = text.split_once('/').unwrap();
        let address: IpAddress = address.parse().unwrap();
        let more = if address.to_std().is_ipv4() { 96 } else { 0 };
        Network {
            address,
            length: length.parse::<u8>().unwrap() + more,
        }
    }

    fn holding(networks: &Networks, address: &str) -> Vec<u32> {
        let address: IpAddress = address.parse().unwrap();
        networks.holding(address.0).collect()
    }

    #[test]
    fn all_networks_that_hold_an_address_are_found() {
        let mut networks = Networks::default();
        let all = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/32",
        ];
        for (entry, text) in (0u32..).zip(all) {
            assert_eq!(networks.insert(network(text), entry), None);
        }
        assert_eq!(holding(&networks, "10.1.2.3"), [2, 1, 0, 3]);
        assert_eq!(holding(&networks, "10.1.2.4"), [1, 0, 3]);
        assert_eq!(holding(&networks, "192.0.2.1"), [3]);
        assert_eq!(holding(&networks, "2001:db8::1"), [5, 4]);
        assert_eq!(holding(&networks, "::1"), [4]);
        assert_eq!(networks.get(network("10.0.0.0/8")), Some(0));
        assert_eq!(networks.get(network("10.0.0.0/9")), None);
    }

    proptest! {
        #[test]
        fn as_a_comparison_of_bits_finds_them(
            networks in prop::collection::vec((any::<u128>(), 0..=128u8), 0..30),
            near in prop::collection::vec((any::<prop::sample::Index>(), any::<u128>(), 0..=128u8), 1..30),
        ) {
            let mut index = Networks::default();
            let masked: Vec<Network> = networks
                .iter()
                .map(|(bits, length)| {
                    Network { address: IpAddress(bits.to_be_bytes()), length: *length }.masked()
                })
                .collect();
            for (entry, network) in (0u32..).zip(&masked) {
                index.insert(*network, entry);
            }
            for (of, noise, keep) in near {
                let base = match networks.is_empty() {
                    true => 0,
                    false => of.get(&networks).0,
                };
                let bits = (base & mask(keep)) | (noise & !mask(keep));
                prop_assume!(!is_ipv4(bits));
                let mut found: Vec<Network> = index
                    .holding(bits.to_be_bytes())
                    .map(|entry| masked[entry as usize])
                    .collect();
                let mut expected: Vec<Network> = masked
                    .iter()
                    .filter(|n| u128::from_be_bytes(n.address.0) == bits & mask(n.length))
                    .copied()
                    .collect();
                expected.sort_by_key(|n| std::cmp::Reverse(n.length));
                expected.dedup();
                found.dedup();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
