//! Tells whose traffic an event is about and which way it went.
//!
//! [`Networks`] is the dataset `networks.toml`; [`Networks::enrich`] fills `owner` and
//! `direction` of a batch where the event leaves them open, [`Networks::resolve`] answers
//! for one flow.

mod batch;
mod file;
mod ranges;

use std::collections::HashMap;
use std::sync::Arc;

use palisade_events::contain;
use palisade_events::{Digest, Direction, IpAddress, Owner};

pub use batch::EnrichError;
pub use file::{NetworksError, Problem};

use ranges::Ranges;

/// What the dataset says of a place. What it leaves open is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Belonging {
    /// Whose events they are.
    pub tenant: Option<Arc<str>>,
    /// The customer.
    pub customer: Option<Arc<str>>,
    /// The subscriber.
    pub subscriber: Option<Arc<str>>,
    /// The device.
    pub device: Option<Arc<str>>,
    /// The user.
    pub user: Option<Arc<str>>,
    /// The part of the network.
    pub segment: Option<Arc<str>>,
    /// Whether it is one of the operator's own places.
    pub local: Option<bool>,
}

impl Belonging {
    /// What is said here, and where nothing is, what `wider` says.
    fn over(&self, wider: &Self) -> Self {
        let pick = |own: &Option<Arc<str>>, other: &Option<Arc<str>>| {
            own.as_ref().or(other.as_ref()).map(Arc::clone)
        };
        Self {
            tenant: pick(&self.tenant, &wider.tenant),
            customer: pick(&self.customer, &wider.customer),
            subscriber: pick(&self.subscriber, &wider.subscriber),
            device: pick(&self.device, &wider.device),
            user: pick(&self.user, &wider.user),
            segment: pick(&self.segment, &wider.segment),
            local: self.local.or(wider.local),
        }
    }

    fn is_local(&self) -> bool {
        self.local == Some(true)
    }

    fn has_owner(&self) -> bool {
        let fields = [&self.customer, &self.subscriber, &self.device, &self.user];
        fields.into_iter().any(Option::is_some)
    }

    fn owner(&self) -> Owner {
        let text = |field: &Option<Arc<str>>| field.as_deref().map(str::to_owned);
        Owner {
            customer: text(&self.customer),
            subscriber: text(&self.subscriber),
            device: text(&self.device),
            user: text(&self.user),
        }
    }
}

/// Where one side of a flow is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its address.
    pub ip: IpAddress,
    /// The VLAN in which it was seen, the innermost where there are several.
    pub vlan: Option<u16>,
    /// Its hardware address, where it was seen on its own link.
    pub mac: Option<[u8; 6]>,
}

/// What the dataset says of a flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// Whose traffic it is: that of the local side; of two local sides the source's, or
    /// the destination's when the source has no owner. Where the local side has neither owner
    /// nor tenant it is the other's, such as a device's that reports to a platform.
    pub owner: Owner,
    /// Which way it goes.
    pub direction: Direction,
    /// The tenant of the side that owns it, where the dataset names one.
    pub tenant: Option<Arc<str>>,
    /// The segment of the side that owns it.
    pub segment: Option<Arc<str>>,
}

/// The dataset `networks.toml`: places and whom they belong to.
#[derive(Clone, Debug)]
pub struct Networks {
    digest: Digest,
    /// What is said, each once; 0 says nothing.
    all: Vec<Belonging>,
    addresses: Ranges,
    vlans: HashMap<u16, Vlan>,
    macs: HashMap<[u8; 6], Belonging>,
    tenants: bool,
}

/// What is said of a VLAN, and of addresses within it.
#[derive(Clone, Debug, Default)]
struct Vlan {
    whole: Belonging,
    addresses: Ranges,
}

impl Networks {
    /// Reads the dataset.
    ///
    /// # Errors
    /// With every entry that is wrong, where it is, and what would be right.
    pub fn parse(text: &str) -> Result<Self, NetworksError> {
        contain(|| file::parse(text))
            .unwrap_or_else(|panicked| Err(NetworksError::Panicked(panicked)))
    }

    /// The BLAKE3 digest of the text that was read.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether VLANs or hardware addresses matter, which events do not carry: what reads
    /// packets or records has to ask before they are gone.
    pub fn needs_links(&self) -> bool {
        !self.vlans.is_empty() || !self.macs.is_empty()
    }

    /// Whether it tells tenants apart, so that batches may have to be split.
    pub fn has_tenants(&self) -> bool {
        self.tenants
    }

    /// What is said of a place: of its hardware address, over its address within the
    /// VLAN, over the VLAN, over its address.
    pub fn lookup(&self, place: &Place) -> Belonging {
        let of_address = self.of_address(place.ip);
        if !self.needs_links() {
            return of_address.clone();
        }
        let mut found = of_address.clone();
        if let Some(vlan) = place.vlan.and_then(|id| self.vlans.get(&id)) {
            let within = self.said(vlan.addresses.find(place.ip));
            found = within.over(&vlan.whole).over(&found);
        }
        if let Some(said) = place.mac.and_then(|mac| self.macs.get(&mac)) {
            found = said.over(&found);
        }
        found
    }

    /// What is said of an address.
    fn of_address(&self, ip: IpAddress) -> &Belonging {
        self.said(self.addresses.find(ip))
    }

    fn said(&self, at: u32) -> &Belonging {
        static NOTHING: Belonging = Belonging {
            tenant: None,
            customer: None,
            subscriber: None,
            device: None,
            user: None,
            segment: None,
            local: None,
        };
        usize::try_from(at)
            .ok()
            .and_then(|at| self.all.get(at))
            .unwrap_or(&NOTHING)
    }

    /// What is said of a flow. For captures once for each flow.
    pub fn resolve(&self, src: &Place, dst: &Place) -> Resolved {
        let (from, to) = (self.lookup(src), self.lookup(dst));
        let (direction, owner) = judge((src.ip, &from), (dst.ip, &to));
        let said = match owner {
            Side::Src => from,
            Side::Dst => to,
            Side::Neither => {
                return Resolved {
                    direction,
                    ..Resolved::default()
                };
            }
        };
        Resolved {
            owner: said.owner(),
            direction,
            tenant: said.tenant,
            segment: said.segment,
        }
    }
}

/// Which side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Src,
    Dst,
    Neither,
}

/// Whether an address stands for whoever is near: multicast, broadcast, link-local.
fn is_near(ip: IpAddress) -> bool {
    match ip.to_std() {
        std::net::IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_link_local(),
        std::net::IpAddr::V6(ip) => ip.is_multicast() || ip.is_unicast_link_local(),
    }
}

/// Which way a flow goes, and whose it is.
fn judge(src: (IpAddress, &Belonging), dst: (IpAddress, &Belonging)) -> (Direction, Side) {
    let unknown = IpAddress::default();
    let (mut from, mut to) = (src.1.is_local(), dst.1.is_local());
    // Who is near a local place is local, too, unless the dataset denies it.
    to |= from && dst.1.local.is_none() && is_near(dst.0);
    from |= to && src.1.local.is_none() && is_near(src.0);
    let direction = match (from, to) {
        _ if src.0 == unknown || dst.0 == unknown => Direction::Unknown,
        (true, true) => Direction::Lateral,
        (true, false) => Direction::Outbound,
        (false, true) => Direction::Inbound,
        (false, false) => Direction::Unknown,
    };
    let owned = |said: &Belonging| said.has_owner() || said.tenant.is_some();
    let says = |said: &Belonging| owned(said) || said.segment.is_some();
    let side = match (from, to) {
        (true, _) if owned(src.1) => Side::Src,
        (_, true) if owned(dst.1) => Side::Dst,
        // A platform that is nobody's, and a device from outside that reports to it.
        (true, false) if owned(dst.1) => Side::Dst,
        (false, true) if owned(src.1) => Side::Src,
        (true, _) if says(src.1) => Side::Src,
        (_, true) if says(dst.1) => Side::Dst,
        (true, _) | (_, true) => Side::Neither,
        _ if says(src.1) => Side::Src,
        _ if says(dst.1) => Side::Dst,
        _ => Side::Neither,
    };
    (direction, side)
}
