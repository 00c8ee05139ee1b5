//! The sessions that one instance serves.

/// How many sessions an instance serves at a time, by the plugin interface.
pub const MAX_SESSIONS: usize = 64;

/// State by session number. With at most [`MAX_SESSIONS`] entries a scan over the
/// numbers beats a hash, and most calls hit the session that the last call hit.
#[derive(Debug)]
pub struct Sessions<T> {
    ids: Vec<u32>,
    states: Vec<T>,
    last: usize,
}

impl<T: Default> Sessions<T> {
    /// No sessions.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ids: Vec::new(),
            states: Vec::new(),
            last: 0,
        }
    }

    /// The state of session `id`, made when there is none. One session too many takes
    /// the place of the oldest, so that a host that forgets to close cannot make the
    /// instance grow.
    pub fn of(&mut self, id: u32) -> &mut T {
        if self.ids.get(self.last) != Some(&id) {
            self.last = match self.ids.iter().position(|&known| known == id) {
                Some(position) => position,
                None => {
                    if self.ids.len() >= MAX_SESSIONS {
                        self.ids.remove(0);
                        self.states.remove(0);
                    }
                    self.ids.push(id);
                    self.states.push(T::default());
                    self.ids.len() - 1
                }
            };
        }
        &mut self.states[self.last]
    }

    /// Forgets session `id`.
    pub fn close(&mut self, id: u32) {
        if let Some(position) = self.ids.iter().position(|&known| known == id) {
            self.ids.swap_remove(position);
            self.states.swap_remove(position);
            self.last = 0;
        }
    }
}

impl<T: Default> Default for Sessions<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_state_apart_forgets_on_close_and_stays_bounded() {
        let mut sessions = Sessions::<u32>::new();
        *sessions.of(7) += 1;
        *sessions.of(8) += 5;
        *sessions.of(7) += 1;
        assert_eq!((*sessions.of(7), *sessions.of(8)), (2, 5));
        sessions.close(7);
        assert_eq!((*sessions.of(7), *sessions.of(8)), (0, 5));
        for id in 0..10_000 {
            sessions.of(id);
        }
        assert_eq!(sessions.ids.len(), MAX_SESSIONS);
    }
}
