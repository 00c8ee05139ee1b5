//! Where tests make the host panic, to see that a net is below. Outside of tests nothing of this
//! is there.

/// Places between plugins and the host that have a net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// What a parser returned is taken over.
    Accept,
    /// A parser was called, and what its worker knows of flows is being changed.
    Parse,
    /// It is found out which rows a plugin is shown.
    Turns,
    /// A plugin is being shown something.
    Turn,
}

/// Panics if a test wants that here, of this plugin.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn here(_: Spot, _: &str) {}

#[cfg(test)]
pub(crate) use wanted::{Wanted, here};

#[cfg(test)]
mod wanted {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::Spot;

    static WANTED: Mutex<Option<(Spot, String)>> = Mutex::new(None);
    /// One test at a time wants something.
    static TURN: Mutex<()> = Mutex::new(());

    /// For as long as this lives the host panics at one place, on all threads.
    pub(crate) struct Wanted {
        _turn: MutexGuard<'static, ()>,
    }

    impl Wanted {
        /// That the host panics here, of the plugin with this name.
        pub(crate) fn at(spot: Spot, plugin: &str) -> Wanted {
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            *WANTED.lock().unwrap() = Some((spot, plugin.to_owned()));
            Wanted { _turn }
        }
    }

    impl Drop for Wanted {
        fn drop(&mut self) {
            *WANTED.lock().unwrap() = None;
        }
    }

    pub(crate) fn here(spot: Spot, plugin: &str) {
        let wanted = WANTED.lock().unwrap().clone();
        if wanted.is_some_and(|(at, of)| at == spot && of == plugin) {
            panic!("as the test wants");
        }
    }
}
