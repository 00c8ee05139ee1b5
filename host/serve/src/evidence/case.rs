//! A finding or decision with everything that it takes to execute it again.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr as _;

use palisade_events::{Decision, Finding, Judgement, compose};
use palisade_pipeline::replay::{Difference, KeptCall, ReplayError, replay};
use palisade_runtime::Plugin;
use palisade_sinks::SaidRow;
use palisade_store::{Digest, Store};

use super::bundle::BundleError;
use super::look::{Id, LookError, look};

/// The largest component.
pub(super) const MAX_COMPONENT: u64 = 64 << 20;

/// A finding or decision, with its calls and the components that they were made into.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is known by.
    pub id: Id,
    /// It, as the database has it.
    pub said: SaidRow,
    /// Its calls.
    pub calls: Vec<CaseCall>,
    /// The components, by their digests.
    pub components: BTreeMap<String, Vec<u8>>,
    /// The receipt of the swap that brought the generation, as JSON.
    pub receipt: Option<String>,
}

/// A call of it.
#[derive(Clone, Debug)]
pub struct CaseCall {
    /// Its evidence, as it was kept.
    pub bytes: Vec<u8>,
    /// BLAKE3 of that.
    pub digest: String,
    /// The same, read.
    pub call: KeptCall,
    /// Whether the same came of it when the server executed it once more, if that is known.
    pub reproduced: Option<bool>,
}

/// Why there is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is not there.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The evidence cannot be read, or the call not executed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The component is not in the store.
    #[error("the component {digest} cannot be read from the server's store: {problem}")]
    Component {
        /// Its digest.
        digest: String,
        /// What is wrong.
        problem: String,
    },
    /// A bundle is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// What was kept cannot be read.
    #[error("what was said cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// What came of executing a case again.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What is not as it was when it was filed; nothing where it is identical.
    pub differences: Vec<Difference>,
    /// What the person who asks should know beside that.
    pub remarks: Vec<String>,
}

impl Case {
    /// Finds a case in a data directory, which a server may be using.
    ///
    /// # Errors
    /// When it is not there, its evidence is gone, or a component is.
    pub fn find(data: &Path, id: Id) -> Result<Case, CaseError> {
        let looked = look(data, id)?;
        let mut calls = Vec::new();
        for (row, bytes) in looked.calls {
            calls.push(CaseCall {
                call: KeptCall::decode(&bytes)?,
                digest: row.digest,
                bytes,
                reproduced: row.reproduced,
            });
        }
        let mut components = BTreeMap::new();
        let path = data.join("store");
        for call in &calls {
            let digest = &call.call.plugin.digest;
            if components.contains_key(digest) {
                continue;
            }
            let problem = |problem: &dyn std::fmt::Display| CaseError::Component {
                digest: digest.clone(),
                problem: problem.to_string(),
            };
            let dir = palisade_private::make_dir(&path).map_err(|error| problem(&error))?;
            let store = Store::open(dir).map_err(|error| problem(&error))?;
            let known = Digest::from_str(digest).map_err(|error| problem(&error))?;
            let bytes = store.get(&known, MAX_COMPONENT);
            components.insert(digest.clone(), bytes.map_err(|error| problem(&error))?);
        }
        Ok(Case {
            id,
            said: looked.said,
            calls,
            components,
            receipt: looked.receipt,
        })
    }

    /// Executes all of its calls again, by plugins that `load` makes of a component and what is
    /// known of it.
    ///
    /// # Errors
    /// When one cannot be executed to its end, or `load` fails.
    pub fn replay<E: From<CaseError>>(
        &self,
        mut load: impl FnMut(&[u8], &KeptCall) -> Result<Plugin, E>,
    ) -> Result<Outcome, E> {
        let mut outcome = Outcome::default();
        for call in &self.calls {
            let digest = &call.call.plugin.digest;
            let component = self
                .components
                .get(digest)
                .ok_or_else(|| CaseError::Component {
                    digest: digest.clone(),
                    problem: "it is not there".to_owned(),
                })?;
            let plugin = load(component, &call.call)?;
            let differences = replay(&plugin, &call.call).map_err(CaseError::from)?;
            outcome.differences.extend(differences);
        }
        self.hold_against(&mut outcome)?;
        Ok(outcome)
    }

    /// Holds what was kept with the calls against what the database has.
    fn hold_against(&self, outcome: &mut Outcome) -> Result<(), CaseError> {
        let mine = self.calls.iter().flat_map(|call| &call.call.said);
        let mine = mine.filter(|said| said.number == self.id.number);
        let json: Vec<&String> = mine.map(|said| &said.json).collect();
        match &self.said {
            SaidRow::Finding(said) => {
                if !json.contains(&said) {
                    outcome.remarks.push(
                        "the database has the finding otherwise than it was filed: an override, or \
                         it was altered"
                            .to_owned(),
                    );
                }
                let _: Finding = serde_json::from_str(said).map_err(CaseError::from)?;
            }
            SaidRow::Decision(said) => {
                #[derive(serde::Deserialize)]
                struct Told {
                    decision: Decision,
                }
                let Told { decision } = serde_json::from_str(said)?;
                let kept = json.iter().map(|json| serde_json::from_str(json));
                let kept: Vec<Judgement> = kept.collect::<Result<_, _>>()?;
                let missing = decision
                    .judgements
                    .iter()
                    .filter(|of| !kept.contains(of))
                    .count();
                if missing > 0 {
                    outcome.remarks.push(format!(
                        "{missing} of its {} judgements have no evidence: the host denied in place \
                         of a policy that faulted, or it was too much",
                        decision.judgements.len()
                    ));
                }
                if compose(decision.judgements.clone()) != decision {
                    outcome.remarks.push(
                        "the database has a decision that does not follow from its judgements"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(())
    }
}
