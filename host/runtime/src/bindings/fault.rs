//! `fault`: a guest's own word for why it cannot go on. It is no power, so every plugin has it.

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::call::HostState;
use crate::fault::Aborted;

pub(super) fn link(instance: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "abort",
        |_: StoreContextMut<'_, HostState>,
         (message, file, line, column): (String, String, u32, u32)|
         -> wasmtime::Result<()> {
            Err(Aborted::new(&message, &file, line, column).into())
        },
    )
}
