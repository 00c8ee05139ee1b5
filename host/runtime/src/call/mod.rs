//! The books of one call into a guest: what it is shown, what it files, what it has used up.

mod asked;
mod declared;
mod shown;
pub(crate) mod work;

pub(crate) use asked::Asking;
pub use asked::{ASKED_ELSE, Answers, Asked, AskedEntry, MAX_ASKED};

use std::collections::HashSet;
use std::sync::Arc;

use palisade_events::{
    Action, Attributes, Attribution, Column, Digest, FieldId, Judgement, Mask, Severity,
};

use crate::account::Account;
use crate::bindings::types;
use crate::capability::{Capabilities, nothing};
use crate::limits::{Limits, Usage};
use crate::manifest::Manifest;
use crate::{FaultCause, View};

use work::Work;

/// What a detector filed in a call, in the order in which it did.
#[derive(Clone, Debug, PartialEq)]
pub enum Filed {
    /// A finding.
    Finding(FiledFinding),
    /// The withdrawal of its findings of a rule about a subject.
    Retraction {
        /// The rule.
        rule: String,
        /// The subject.
        subject: String,
    },
}

/// A finding as the guest filed it, within the limits of the interface.
#[derive(Clone, Debug, PartialEq)]
pub struct FiledFinding {
    /// A rule of the manifest.
    pub rule: String,
    /// `None`: the rule's own.
    pub severity: Option<Severity>,
    /// What it is about.
    pub subject: String,
    /// One line, as the guest wrote it: to be escaped before it is shown.
    pub summary: String,
    /// Rows of the view that it cites.
    pub rows: Vec<u32>,
    /// Event-refs of all that it cites, those of the rows first.
    pub events: Vec<u64>,
    /// Values.
    pub details: Attributes,
    /// Intents.
    pub actions: Vec<Action>,
}

/// What a call that returned leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Findings and retractions.
    pub filed: Vec<Filed>,
    /// Judgements, of `decide` alone.
    pub judgements: Vec<Judgement>,
    /// Host calls that it took.
    pub host_calls: u64,
    /// Log messages beyond the limits.
    pub log_dropped: u32,
    /// Bytes that findings and judgements take as the host holds them, about, and those of log
    /// messages.
    pub bytes: usize,
    /// What it asked of the host and was told, if that was to be [kept](crate::Instance::keep_asked)
    /// and was not more than [`MAX_ASKED`] bytes.
    pub asked: Option<Vec<Asked>>,
}

/// What host functions see: the plugin, its limits and the running call.
pub(crate) struct HostState {
    pub(crate) usage: Usage,
    digest: Digest,
    manifest: Arc<Manifest>,
    limits: Arc<Limits>,
    /// What was lent for the call at hand; nothing between calls.
    capabilities: Box<dyn Capabilities>,
    /// One for each subscription.
    masks: Arc<[Mask]>,
    call: Option<Call>,
    /// Whether what calls ask and are told is kept.
    pub(crate) keeps_asked: bool,
    /// What host functions may do in the running call.
    pub(crate) work: Work,
}

struct Call {
    view: Option<View>,
    subscription: usize,
    timer: bool,
    /// `configure` runs, which may use nothing but `log`.
    configuring: bool,
    /// Columns that were gathered for this call already, so that a second pull of the same
    /// field (its values, then its validity) does not gather again.
    columns: Vec<(FieldId, Column)>,
    effects: Effects,
    findings: u32,
    finding_bytes: usize,
    logged: u32,
    /// Earlier events that host calls of this call have returned.
    shown: HashSet<u64>,
    /// What it has asked and was told, if that is kept.
    asking: Option<Asking>,
}

impl HostState {
    pub(crate) fn new(
        digest: Digest,
        manifest: Arc<Manifest>,
        limits: Arc<Limits>,
        masks: Arc<[Mask]>,
        account: Arc<Account>,
    ) -> HostState {
        HostState {
            usage: Usage::new(&limits, account),
            digest,
            manifest,
            limits,
            capabilities: nothing(),
            masks,
            call: None,
            keeps_asked: false,
            work: Work::default(),
        }
    }

    /// Opens the books. `view` is absent for `configure`, timers and parsers.
    pub(crate) fn begin(
        &mut self,
        export: &'static str,
        subscription: usize,
        view: Option<View>,
        tenant: &str,
    ) {
        let configuring = export == "configure";
        match configuring {
            true => self.capabilities.begin_configure(),
            false => self.capabilities.begin(tenant),
        }
        self.call = Some(Call {
            timer: view.is_none(),
            configuring,
            view,
            subscription,
            columns: Vec::new(),
            effects: Effects::default(),
            findings: 0,
            finding_bytes: 0,
            logged: 0,
            shown: HashSet::new(),
            asking: (self.keeps_asked && !configuring).then(Asking::default),
        });
    }

    /// Closes the books; what the call did takes effect.
    pub(crate) fn commit(&mut self) -> Effects {
        self.capabilities.commit();
        let Some(call) = self.call.take() else {
            return Effects::default();
        };
        Effects {
            asked: call.asking.and_then(Asking::done),
            ..call.effects
        }
    }

    /// Keeps what the guest has asked and was told, if that is kept.
    pub(crate) fn asked(&mut self, asked: impl FnOnce() -> Asked) {
        let asking = self.call.as_mut().and_then(|call| call.asking.as_mut());
        if let Some(asking) = asking {
            asking.add(asked());
        }
    }

    /// What the call has done so far.
    pub(crate) fn effects(&self) -> Option<&Effects> {
        self.call.as_ref().map(|call| &call.effects)
    }

    /// Closes the books; nothing of the call remains, unless this says no.
    pub(crate) fn rollback(&mut self) -> bool {
        self.call = None;
        self.capabilities.rollback()
    }

    /// Takes what is lent, and gives back what was there before.
    pub(crate) fn exchange(&mut self, capabilities: &mut Box<dyn Capabilities>) {
        std::mem::swap(&mut self.capabilities, capabilities);
    }

    pub(crate) fn capabilities(&mut self) -> &mut dyn Capabilities {
        &mut *self.capabilities
    }

    fn call(&mut self, function: &'static str) -> Result<&mut Call, FaultCause> {
        let call = self.call.as_mut().filter(|call| !call.configuring);
        call.ok_or(FaultCause::NoBatch(function))
    }

    pub(crate) fn in_call(&mut self, function: &'static str) -> Result<(), FaultCause> {
        self.call(function).map(|_| ())
    }

    pub(crate) fn in_timer(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.timer)
    }

    pub(crate) fn count_host_call(&mut self) -> Result<(), FaultCause> {
        let limit = self.limits.host_calls;
        if let Some(call) = &mut self.call {
            call.effects.host_calls += 1;
            if call.effects.host_calls > limit {
                return Err(FaultCause::HostCalls(limit));
            }
        }
        Ok(())
    }

    pub(crate) fn count_finding(&mut self) -> Result<(), FaultCause> {
        let limit = self.limits.findings;
        let call = self.call("findings")?;
        call.findings += 1;
        if call.findings > limit {
            return Err(FaultCause::Findings(limit));
        }
        Ok(())
    }

    pub(crate) fn count_finding_bytes(&mut self, bytes: usize) -> Result<(), FaultCause> {
        let limit = self.limits.finding_bytes;
        let call = self.call("findings")?;
        call.finding_bytes = call.finding_bytes.saturating_add(bytes);
        if call.finding_bytes > limit {
            return Err(FaultCause::FindingBytes(limit));
        }
        Ok(())
    }

    /// Takes what was filed, which takes so many bytes as the host holds it.
    pub(crate) fn file(&mut self, filed: Filed, held: usize) {
        if let Some(call) = &mut self.call {
            call.effects.filed.push(filed);
            call.effects.bytes = call.effects.bytes.saturating_add(held);
        }
    }

    /// Whether a log message of so many bytes may be written; counts it if not.
    pub(crate) fn admits_log(&mut self, bytes: usize, most: usize) -> bool {
        let limit = self.limits.log_messages;
        match &mut self.call {
            Some(call) if bytes <= most && call.logged < limit => {
                call.logged += 1;
                call.effects.bytes = call.effects.bytes.saturating_add(bytes);
                true
            }
            Some(call) => {
                call.effects.log_dropped = call.effects.log_dropped.saturating_add(1);
                false
            }
            None => false,
        }
    }

    /// Takes over what `decide` returned.
    pub(crate) fn judge(&mut self, judgements: Vec<types::Judgement>) -> Result<(), FaultCause> {
        let mut accepted = Vec::with_capacity(judgements.len());
        let mut held = 0;
        for judgement in judgements {
            self.count_finding()?;
            held += crate::bindings::judgement_held(&judgement);
            self.declared_rule(&judgement.rule)?;
            crate::bindings::check_judgement(&judgement).map_err(|problem| {
                FaultCause::Finding {
                    rule: judgement.rule.clone(),
                    problem,
                }
            })?;
            let events = self.cited(&judgement.events)?;
            let rule = self.manifest.rule(&judgement.rule);
            accepted.push(Judgement {
                events,
                by: Attribution {
                    plugin: self.manifest.name.clone(),
                    pack: self.manifest.pack.clone(),
                    digest: self.digest,
                    requirements: rule.map(|r| r.requirements.clone()).unwrap_or_default(),
                    rule: judgement.rule,
                },
                verdict: judgement.verdict.into(),
                reason: judgement.reason,
                obligations: judgement.obligations.into_iter().map(Into::into).collect(),
            });
        }
        let effects = &mut self.call("decide")?.effects;
        effects.judgements = accepted;
        effects.bytes = effects.bytes.saturating_add(held);
        Ok(())
    }
}
