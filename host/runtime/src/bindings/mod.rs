//! The WIT package as the host sees it: types that cross the boundary, and host functions.
//!
//! Written by hand rather than by `bindgen!`, because columns are handed over as `Arc<[T]>`,
//! each function counts its calls, and only granted interfaces are linked. wasmtime compares
//! every type with the component's when it links, so a slip here is an error at load.

mod batch;
mod capabilities;
mod fault;
mod findings;
pub(crate) use findings::{check_judgement, judgement_held, printable};
pub(crate) mod rows;
#[expect(
    dead_code,
    reason = "the derive macros of wasmtime make the variants that guests send"
)]
pub(crate) mod types;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance};

use crate::call::HostState;
use crate::manifest::{Capability, Manifest, World};
use palisade_events::contain;

use crate::FaultCause;

/// The WIT package and its version, as import and export names have them.
pub(crate) const PACKAGE: &str = "palisade:plugin";
pub(crate) const VERSION: &str = "0.1.0";

/// The interface that every plugin may import.
pub(crate) const FAULT: &str = "fault";

/// The full name of an interface of the package.
pub(crate) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// Links what the manifest asks for and nothing else.
pub(crate) fn link(
    linker: &mut Linker<HostState>,
    manifest: &Manifest,
    granted: &[Capability],
) -> wasmtime::Result<()> {
    fault::link(&mut linker.instance(&interface(FAULT))?)?;
    if manifest.world != World::Parser {
        batch::link(&mut linker.instance(&interface("batch"))?)?;
        rows::link_envelope(linker)?;
        for kind in palisade_events::Kind::ALL {
            if manifest.subscriptions.iter().any(|s| s.kind == *kind) {
                rows::link(linker, *kind)?;
            }
        }
    }
    if manifest.world == World::Detector {
        findings::link(&mut linker.instance(&interface("findings"))?)?;
    }
    for capability in granted {
        let mut instance = linker.instance(&interface(capability.name()))?;
        match capability {
            Capability::State => capabilities::link_state(&mut instance)?,
            Capability::Timers => capabilities::link_timers(&mut instance)?,
            Capability::Datasets => capabilities::link_datasets(&mut instance)?,
            Capability::Log => capabilities::link_log(&mut instance)?,
        }
    }
    Ok(())
}

/// A panic of a host function is a fault of the guest that called it; it never goes through the
/// guest's frames.
fn contained<R>(
    name: &'static str,
    body: impl FnOnce() -> Result<R, FaultCause>,
) -> Result<R, FaultCause> {
    contain(body).unwrap_or_else(|panicked| Err(FaultCause::panic(name, &panicked)))
}

/// Runs a host function, which counts as a host call of the running call, and in deterministic
/// mode takes of its fuel for what it does.
fn host_call<R>(
    mut store: StoreContextMut<'_, HostState>,
    name: &'static str,
    body: impl FnOnce(&mut HostState) -> Result<R, FaultCause>,
) -> wasmtime::Result<R> {
    let fuel = match store.data().work.fueled {
        true => store.get_fuel()?,
        false => u64::MAX,
    };
    let state = store.data_mut();
    state.count_host_call()?;
    state.work.begin(fuel);
    let result = contained(name, || body(state));
    let (fueled, left) = (state.work.fueled, state.work.left());
    if fueled {
        store.set_fuel(left)?;
    }
    Ok(result?)
}

/// Defines a host function that counts as a host call of the running call.
fn function<P, R, F>(
    instance: &mut LinkerInstance<'_, HostState>,
    name: &'static str,
    body: F,
) -> wasmtime::Result<()>
where
    P: wasmtime::component::ComponentNamedList + wasmtime::component::Lift + 'static,
    R: wasmtime::component::Lower + 'static,
    (R,): wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
    F: Fn(&mut HostState, P) -> Result<R, FaultCause> + Send + Sync + 'static,
{
    instance.func_wrap(name, move |store: StoreContextMut<'_, HostState>, p: P| {
        host_call(store, name, |state| body(state, p)).map(|result| (result,))
    })
}

/// As [`function`], for functions that return nothing.
fn procedure<P, F>(
    instance: &mut LinkerInstance<'_, HostState>,
    name: &'static str,
    body: F,
) -> wasmtime::Result<()>
where
    P: wasmtime::component::ComponentNamedList + wasmtime::component::Lift + 'static,
    F: Fn(&mut HostState, P) -> Result<(), FaultCause> + Send + Sync + 'static,
{
    instance.func_wrap(name, move |store: StoreContextMut<'_, HostState>, p: P| {
        host_call(store, name, |state| body(state, p))
    })
}
