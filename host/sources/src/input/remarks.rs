//! What the operator should know of an input that was read to its end.

use std::sync::{Arc, Mutex, PoisonError};

/// Most remarks of an input.
const MAX_REMARKS: usize = 8;

/// Remarks that the layers of an input make while it is read; clones show the same ones.
#[derive(Clone, Debug, Default)]
pub struct Remarks(Arc<Mutex<Vec<String>>>);

impl Remarks {
    pub(super) fn add(&self, remark: String) {
        let mut remarks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remarks.len() < MAX_REMARKS {
            remarks.push(remark);
        }
    }

    /// Takes those that were made so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
