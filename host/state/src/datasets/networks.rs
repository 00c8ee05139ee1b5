//! Addresses by all networks that contain them.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};
use palisade_events::IpAddress;

/// A network: the first `length` bits of an address in its 16-byte form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    pub(crate) address: IpAddress,
    /// 0 to 128. That of an IPv4 network is 96 more than as it is written.
    pub(crate) length: u8,
}

impl Network {
    /// What no entry stands for: it has bits beyond its length.
    pub(crate) const NONE: Network = Network {
        address: IpAddress([u8::MAX; 16]),
        length: 0,
    };

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

/// Networks, each as the number of an entry that stands for it. What network that is, the caller
/// says (`of`): it is held once, with the entry.
///
/// The families are apart: `::/0` holds no IPv4 address. One look-up is made for every
/// prefix length that occurs, which in practice are few, where a trie would walk through as many
/// nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    heads: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Lengths that occur, the longest first.
    ipv4: Vec<u8>,
    ipv6: Vec<u8>,
}

impl Networks {
    /// Puts an entry in for its network, which has no bits beyond its length; returns what stood
    /// for it before.
    pub(crate) fn insert(&mut self, entry: u32, of: impl Fn(u32) -> Network) -> Option<u32> {
        let network = of(entry);
        let lengths = match network.is_ipv4() {
            true => &mut self.ipv4,
            false => &mut self.ipv6,
        };
        if let Err(at) = lengths.binary_search_by(|other| network.length.cmp(other)) {
            lengths.insert(at, network.length);
        }
        let hash = |entry: &u32| self.hasher.hash_one(of(*entry));
        match self
            .heads
            .find_mut(hash(&entry), |other| of(*other) == network)
        {
            Some(head) => Some(std::mem::replace(head, entry)),
            None => {
                self.heads.insert_unique(hash(&entry), entry, hash);
                None
            }
        }
    }

    /// The entry that stands for a network.
    pub(crate) fn get(&self, network: Network, of: impl Fn(u32) -> Network) -> Option<u32> {
        let network = network.masked();
        let hash = self.hasher.hash_one(network);
        let found = self.heads.find(hash, |other| of(*other) == network);
        found.copied()
    }

    /// The entries of all networks that hold the address, the narrowest network first.
    pub(crate) fn holding(
        &self,
        address: [u8; 16],
        of: impl Fn(u32) -> Network,
    ) -> impl Iterator<Item = u32> {
        let lengths = match is_ipv4(u128::from_be_bytes(address)) {
            true => &self.ipv4,
            false => &self.ipv6,
        };
        let network = move |length| Network {
            address: IpAddress(address),
            length,
        };
        lengths
            .iter()
            .filter_map(move |length| self.get(network(*length), &of))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes that they take in memory.
    pub(crate) fn held(&self) -> usize {
        self.heads.allocation_size() + self.ipv4.capacity() + self.ipv6.capacity()
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
        let of = |entry: u32| network(all[entry as usize]);
        for entry in 0..all.len() as u32 {
            assert_eq!(networks.insert(entry, of), None);
        }
        let holding = |address: &str| -> Vec<u32> {
            let address: IpAddress = address.parse().unwrap();
            networks.holding(address.0, of).collect()
        };
        assert_eq!(holding("10.1.2.3"), [2, 1, 0, 3]);
        assert_eq!(holding("10.1.2.4"), [1, 0, 3]);
        assert_eq!(holding("192.0.2.1"), [3]);
        assert_eq!(holding("2001:db8::1"), [5, 4]);
        assert_eq!(holding("::1"), [4]);
        assert_eq!(networks.get(network("10.0.0.0/8"), of), Some(0));
        assert_eq!(networks.get(network("10.0.0.0/9"), of), None);
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
            for entry in 0..masked.len() as u32 {
                index.insert(entry, |entry| masked[entry as usize]);
            }
            for (of, noise, keep) in near {
                let base = match networks.is_empty() {
                    true => 0,
                    false => of.get(&networks).0,
                };
                let bits = (base & mask(keep)) | (noise & !mask(keep));
                prop_assume!(!is_ipv4(bits));
                let mut found: Vec<Network> = index
                    .holding(bits.to_be_bytes(), |entry| masked[entry as usize])
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
