//! Where findings go, in the formats of other systems.

pub mod ocsf;
