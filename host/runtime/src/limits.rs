//! What a plugin may use: the operator's limits, which a manifest can only lower.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{Account, ELEMENT};
use crate::compile::ShapeLimits;
use crate::manifest::RequestedLimits;

/// Limits on one instance and on one call into it. Every one of them is proven by a hostile
/// guest in the whole-system tests (`tests/hostile/README.md` lists them): a call within it
/// passes, a call over it is a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories of an instance together.
    pub memory: u64,
    /// Elements of all tables of an instance together.
    pub table_elements: u64,
    /// Bytes of all instances of one plugin together, on all workers: linear memories, tables
    /// (8 bytes an element) and what the host keeps for each instance. A manifest cannot change
    /// it.
    pub plugin_memory: u64,
    /// Core instances, memories and tables of one component, each.
    pub parts: u32,
    /// Wall-clock time of one call, to the millisecond; counted in epochs.
    pub call_time: Duration,
    /// Fuel of one call, in deterministic mode; about one unit an instruction.
    pub fuel: u64,
    /// Bytes that one host call or return value may lift out of the guest.
    pub lifted_bytes: usize,
    /// Findings and retractions of one call.
    pub findings: u32,
    /// Bytes of all findings of one call together.
    pub finding_bytes: usize,
    /// Host calls of one call.
    pub host_calls: u64,
    /// Log messages of one call; more are counted and dropped.
    pub log_messages: u32,
    /// Stack of one call, in bytes.
    pub stack: usize,
    /// What a component may be made of, counted before it is compiled.
    pub shape: ShapeLimits,
    /// Bytes, as the host holds them, that a plugin may hand over of one epoch of input on one
    /// worker: findings, judgements, log messages, or events that it parsed.
    pub epoch_bytes: u64,
    /// Wall-clock time of all calls of one epoch of input on one worker together,
    /// instantiation and `configure` included. Not in deterministic mode.
    pub epoch_time: Duration,
    /// Fuel of the same, in deterministic mode, instead of the time.
    pub epoch_fuel: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: 64 << 20,
            table_elements: 100_000,
            plugin_memory: 256 << 20,
            parts: 16,
            call_time: Duration::from_millis(250),
            fuel: 1_000_000_000,
            lifted_bytes: 4 << 20,
            findings: 4096,
            finding_bytes: 4 << 20,
            host_calls: 100_000,
            log_messages: 64,
            stack: 512 << 10,
            shape: ShapeLimits::default(),
            epoch_bytes: 64 << 20,
            epoch_time: Duration::from_secs(2),
            epoch_fuel: 10_000_000_000,
        }
    }
}

impl Limits {
    /// These limits, lowered where the manifest asks for less; it cannot raise any.
    pub fn lowered(&self, asked: &RequestedLimits) -> Limits {
        let mut limits = self.clone();
        if let Some(memory) = asked.memory {
            limits.memory = limits.memory.min(memory);
        }
        if let Some(time) = asked.call_time {
            limits.call_time = limits.call_time.min(time);
        }
        if let Some(findings) = asked.findings {
            limits.findings = limits.findings.min(findings);
        }
        if let Some(calls) = asked.host_calls {
            limits.host_calls = limits.host_calls.min(calls);
        }
        if let Some(fuel) = asked.fuel {
            limits.fuel = limits.fuel.min(fuel);
        }
        limits
    }
}

/// Counts what an instance holds of memory and tables, all of its memories together, and draws
/// it from the budgets of its plugin and of all plugins until it is dropped.
#[derive(Debug)]
pub(crate) struct Usage {
    memory: u64,
    memory_limit: u64,
    elements: u64,
    elements_limit: u64,
    parts: usize,
    account: Arc<Account>,
    /// What is drawn from the account.
    drawn: u64,
    /// Bytes of the memory, and elements of the table, that the latest growth was granted.
    granted: (u64, u64),
}

impl Usage {
    pub(crate) fn new(limits: &Limits, account: Arc<Account>) -> Usage {
        Usage {
            memory: 0,
            memory_limit: limits.memory,
            elements: 0,
            elements_limit: limits.table_elements,
            parts: limits.parts as usize,
            account,
            drawn: 0,
            granted: (0, 0),
        }
    }

    /// Bytes of all linear memories together.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// Draws bytes for as long as the instance lives.
    pub(crate) fn draw(&mut self, bytes: u64) -> Result<(), crate::FaultCause> {
        self.account.draw(bytes)?;
        self.drawn += bytes;
        Ok(())
    }

    /// Takes back the latest growth, which did not come about.
    fn take_back(&mut self) {
        let (memory, elements) = std::mem::take(&mut self.granted);
        self.memory -= memory;
        self.elements -= elements;
        let bytes = memory + elements * ELEMENT;
        self.account.give_back(bytes);
        self.drawn -= bytes;
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.account.give_back(self.drawn);
    }
}

/// Growth beyond a limit is an error rather than a refused `memory.grow`, so that the fault
/// names the limit instead of whatever the guest does when an allocation fails.
impl wasmtime::ResourceLimiter for Usage {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.granted = (0, 0);
        let more = desired.saturating_sub(current) as u64;
        let wanted = self.memory.saturating_add(more);
        if wanted > self.memory_limit {
            return Err(crate::FaultCause::Memory {
                wanted,
                limit: self.memory_limit,
            }
            .into());
        }
        self.draw(more)?;
        self.memory = wanted;
        self.granted = (more, 0);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.granted = (0, 0);
        let more = desired.saturating_sub(current) as u64;
        let wanted = self.elements.saturating_add(more);
        if wanted > self.elements_limit {
            return Err(crate::FaultCause::Table {
                wanted,
                limit: self.elements_limit,
            }
            .into());
        }
        // Bounded by the limit on elements, so there is nothing to overflow.
        self.draw(more * ELEMENT)?;
        self.elements = wanted;
        self.granted = (0, more);
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.parts
    }

    fn tables(&self) -> usize {
        self.parts
    }

    fn memories(&self) -> usize {
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_draws_is_given_back_and_so_is_growth_that_fails() {
        use wasmtime::ResourceLimiter as _;
        let all = Account::of_all(1 << 20);
        let plugin = Account::of_plugin(1 << 19, &all);
        let mut usage = Usage::new(&Limits::default(), Arc::clone(&plugin));
        usage.memory_growing(0, 1 << 18, None).unwrap();
        usage.table_growing(0, 100, None).unwrap();
        assert_eq!(plugin.used(), (1 << 18) + 800);
        usage.table_grow_failed(wasmtime::Error::msg("no")).unwrap();
        // A failure without a growth before it takes nothing back.
        usage
            .memory_grow_failed(wasmtime::Error::msg("no"))
            .unwrap();
        assert_eq!((plugin.used(), all.used()), (1 << 18, 1 << 18));
        let mut other = Usage::new(&Limits::default(), Arc::clone(&plugin));
        let over = other.memory_growing(0, (1 << 18) + 1, None).unwrap_err();
        let over = over.downcast_ref::<crate::FaultCause>();
        assert!(matches!(over, Some(crate::FaultCause::PluginMemory { .. })));
        drop(usage);
        other.memory_growing(0, 1 << 19, None).unwrap();
        drop(other);
        assert_eq!((plugin.used(), all.used()), (0, 0));
    }

    #[test]
    fn a_manifest_lowers_and_never_raises() {
        let operator = Limits::default();
        let asked = RequestedLimits {
            memory: Some(1 << 20),
            findings: Some(u32::MAX),
            ..RequestedLimits::default()
        };
        let limits = operator.lowered(&asked);
        assert_eq!(limits.memory, 1 << 20);
        assert_eq!(limits.findings, operator.findings);
        assert_eq!(limits.call_time, operator.call_time);
    }
}
