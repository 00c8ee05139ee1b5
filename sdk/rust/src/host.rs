//! The host's functions: imports in a guest, the in-memory host everywhere else.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::host::palisade::plugin::{
    batch, datasets, envelope, fault, findings, log, state, timers,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::{batch, datasets, envelope, findings, log, state, timers};

/// The row function of a kind.
#[cfg(target_arch = "wasm32")]
macro_rules! fetch {
    ($module:ident, $event:ty, $rows:expr) => {
        crate::bindings::host::palisade::plugin::$module::rows($rows)
    };
}

/// The row function of a kind.
#[cfg(not(target_arch = "wasm32"))]
macro_rules! fetch {
    ($module:ident, $event:ty, $rows:expr) => {
        crate::testing::imports::rows::<$event>($rows)
    };
}

pub(crate) use fetch;
