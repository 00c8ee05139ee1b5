//! What operators ask for besides swaps.

use palisade_sinks::{Letters, Swaps};

use crate::act::{ActReceipt, Order, What};
use crate::swap::{Asked, SwapError, Swapper};
use crate::taking::Work;

impl Swapper {
    /// Shows a plugin events again that is in quarantine.
    ///
    /// # Errors
    /// When it is not there, or not in quarantine; everything is as it was.
    pub(crate) fn release(
        &self,
        (pack, name): (&str, &str),
        asked: &Asked,
    ) -> Result<ActReceipt, SwapError> {
        let (pack, name) = (pack.to_owned(), name.to_owned());
        self.act(What::Release { pack, name }, asked)
    }

    /// Shows the event of a letter to its plugin once more.
    ///
    /// # Errors
    /// When there is no such letter, or it cannot be shown; everything is as it was.
    pub(crate) fn redrive(&self, id: (u64, u32), asked: &Asked) -> Result<ActReceipt, SwapError> {
        let act = SwapError::at("act");
        let letter = Letters::open(&self.database).and_then(|letters| letters.get(id));
        let letter = letter.map_err(|error| act(error.to_string()))?;
        let letter = letter.ok_or_else(|| act(format!("there is no letter {}-{}", id.0, id.1)))?;
        // Whoever asks again with the key of before is told what came of it then.
        if let Some(key) = &asked.key
            && let Some(known) = self.known_act(key)?
            && known.act == "redrive"
            && known.object == format!("{}-{}", id.0, id.1)
        {
            return Ok(known);
        }
        let what = What::redrive(&letter).map_err(act)?;
        self.act(what, asked)
    }

    fn act(&self, what: What, asked: &Asked) -> Result<ActReceipt, SwapError> {
        let _busy = self.alone()?;
        if let Some(key) = &asked.key
            && let Some(known) = self.known_act(key)?
        {
            return match known.request == what.request() {
                true => Ok(known),
                false => Err(SwapError::at("act")(format!(
                    "the key `{key}` was used for another request, which became record {}; use a new one",
                    known.record
                ))),
            };
        }
        let asked = asked.clone();
        let done = self.hand_over(|claim, reply| {
            Work::Act(Box::new(Order {
                what,
                asked,
                claim,
                reply,
            }))
        });
        done.map_err(|error| match error.stage {
            "switch" => SwapError::at("act")(error.problem),
            _ => error,
        })
    }

    /// The receipt of a request that was done before.
    fn known_act(&self, key: &str) -> Result<Option<ActReceipt>, SwapError> {
        if let Some(known) = self.shared.keyed_act(key) {
            return Ok(Some(known));
        }
        let at = SwapError::at("busy");
        let json = Swaps::open(&self.database).and_then(|swaps| swaps.act_by_key(key));
        let json = json.map_err(|error| at(error.to_string()))?;
        let receipt = json.map(|json| serde_json::from_str(&json)).transpose();
        receipt.map_err(|error| at(error.to_string()))
    }
}
