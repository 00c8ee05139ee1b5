//! Traits of detectors, and the macros that export a plugin.

use crate::{Batch, Fired, Settings, SettingsError};

/// Reads events and returns findings. Export it with
/// [`export_detector!`](crate::export_detector).
pub trait Detector: Sized {
    /// Makes the plugin; called once in every new instance, with no batch. What it keeps
    /// is a cache: an instance may be replaced between any two calls, and what must last
    /// belongs in a [`Table`](crate::Table).
    ///
    /// # Errors
    /// When a setting's value makes no sense.
    fn configure(settings: &Settings) -> Result<Self, SettingsError>;

    /// Looks at the events that passed the predicates of one subscription. Findings, state
    /// and timers take effect when it returns; a trap discards them all.
    fn evaluate(&mut self, batch: &Batch);
}

/// What a plugin with timers exports on top: `exports = ["on-timer"]` in the manifest.
#[diagnostic::on_unimplemented(
    message = "`on_timer` is exported, and `{Self}` does not implement `OnTimer`",
    label = "this plugin has no `OnTimer`",
    note = "write `impl OnTimer for {Self}`, with `exports = [\"on-timer\"]` and the capability `timers` in \
            plugin.toml; or take `on_timer` out of the macro that exports the plugin"
)]
pub trait OnTimer {
    /// Timers that the watermark has passed, by due time, at most 1,024 a call.
    fn on_timer(&mut self, fired: &[Fired]);
}

/// What a policy that must know what happened before exports on top:
/// `exports = ["observe"]` in the manifest.
#[diagnostic::on_unimplemented(
    message = "`observe` is exported, and `{Self}` does not implement `Observe`",
    label = "this plugin has no `Observe`",
    note = "write `impl Observe for {Self}`, with `exports = [\"observe\"]` and a subscription of that role \
            in plugin.toml; or take `observe` out of the macro that exports the plugin"
)]
pub trait Observe {
    /// Takes note of the current batch and decides nothing.
    fn observe(&mut self, batch: &Batch);
}

/// What the export macros expand to; not for authors.
#[doc(hidden)]
pub mod glue {
    use std::cell::RefCell;

    use crate::bindings::decide::exports::palisade::plugin::decide::Judgement;
    use crate::bindings::parse::exports::palisade::plugin::parse::{Chunk, Parsed, Recognition};
    use crate::bindings::plugin::exports::palisade::plugin::plugin::Setting;
    use crate::{
        Batch, Detector, Fired, Observe, OnTimer, Parser, Policy, Settings, SettingsError, Tables,
    };

    /// The plugin of this instance, from `configure` on.
    pub struct Slot<T>(RefCell<Option<T>>);

    impl<T> Slot<T> {
        pub const fn new() -> Self {
            Slot(RefCell::new(None))
        }

        fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> R {
            match self.0.borrow_mut().as_mut() {
                Some(plugin) => call(plugin),
                // The host calls `configure` first and stops when it refuses.
                None => panic!("called before `configure`"),
            }
        }

        pub fn configure(
            &self,
            settings: Vec<Setting>,
            make: fn(&Settings) -> Result<T, SettingsError>,
        ) -> Result<(), SettingsError> {
            // The host calls this before anything else.
            #[cfg(target_arch = "wasm32")]
            crate::panic::report();
            *self.0.borrow_mut() = Some(make(&Settings::from_wit(settings))?);
            Ok(())
        }
    }

    impl<T> Default for Slot<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    // What a call needs of the plugin is said at the function, and not at the block: then the compiler
    // tells which trait is not there, and not that there is no such function.
    impl<T> Slot<T> {
        pub fn evaluate(&self, subscription: u32, rows: u32)
        where
            T: Detector,
        {
            self.with(|plugin| plugin.evaluate(&Batch::current(subscription, rows)));
        }

        pub fn on_timer(&self, fired: Vec<Fired>)
        where
            T: OnTimer,
        {
            self.with(|plugin| plugin.on_timer(&fired));
        }

        pub fn observe(&self, subscription: u32, rows: u32)
        where
            T: Observe,
        {
            self.with(|plugin| plugin.observe(&Batch::current(subscription, rows)));
        }

        pub fn decide(&self, subscription: u32) -> Vec<Judgement>
        where
            T: Policy,
        {
            self.with(|plugin| {
                let judgements = plugin.decide(&Batch::current(subscription, 1));
                judgements
                    .into_iter()
                    .map(crate::Judgement::into_wit)
                    .collect()
            })
        }
    }

    impl<T: Parser> Slot<T> {
        pub fn probe(&self, chunks: Vec<Chunk>, arena: Vec<u8>) -> Vec<Recognition> {
            self.with(|plugin| {
                chunks
                    .iter()
                    .map(|chunk| plugin.probe(&view(chunk, &arena)))
                    .collect()
            })
        }

        pub fn parse(&self, chunks: Vec<Chunk>, arena: Vec<u8>) -> Parsed {
            self.with(|plugin| {
                let mut tables = Tables::default();
                let chunks: Vec<_> = chunks.iter().map(|chunk| view(chunk, &arena)).collect();
                let answers = crate::sessions::parse(plugin, &chunks, &mut tables);
                let outcomes = answers
                    .into_iter()
                    .map(|answer| answer.into_wit())
                    .collect();
                Parsed {
                    outcomes,
                    tables: tables.into_wit(),
                }
            })
        }

        pub fn close(&self, sessions: Vec<u32>) {
            self.with(|plugin| {
                sessions
                    .into_iter()
                    .for_each(|session| plugin.close(session))
            });
        }
    }

    fn view<'a>(chunk: &Chunk, arena: &'a [u8]) -> crate::Chunk<'a> {
        let start = chunk.start as usize;
        crate::Chunk {
            session: chunk.session,
            direction: chunk.direction,
            transport: chunk.transport,
            port: chunk.port,
            offset: chunk.offset,
            gap: chunk.gap,
            end: chunk.end,
            bytes: arena
                .get(start..start.saturating_add(chunk.length as usize))
                .unwrap_or(&[]),
        }
    }
}

/// Exports a [`Detector`]; `export_detector!(T, on_timer)` if it has timers. Once a crate,
/// with crate type `cdylib`. Off wasm32 it only checks the traits.
#[macro_export]
macro_rules! export_detector {
    ($plugin:ty $(, $optional:ident)* $(,)?) => {
        $crate::__export!($plugin, Detector $(, $optional)*; {
            impl $crate::bindings::evaluate::exports::palisade::plugin::evaluate::Guest for Export {
                fn evaluate(subscription: u32, rows: u32) {
                    INSTANCE.with(|instance| instance.evaluate(subscription, rows));
                }
            }
            $crate::bindings::evaluate::export!(Export with_types_in $crate::bindings::evaluate);
        });
    };
}

/// Exports a [`Policy`]; `export_policy!(T, observe)`, `export_policy!(T, observe, on_timer)`
/// and so on if it has these too. Once a crate, with crate type `cdylib`.
#[macro_export]
macro_rules! export_policy {
    ($plugin:ty $(, $optional:ident)* $(,)?) => {
        $crate::__export!($plugin, Policy $(, $optional)*; {
            impl $crate::bindings::decide::exports::palisade::plugin::decide::Guest for Export {
                fn decide(
                    subscription: u32,
                ) -> ::std::vec::Vec<$crate::bindings::decide::exports::palisade::plugin::decide::Judgement> {
                    INSTANCE.with(|instance| instance.decide(subscription))
                }
            }
            $crate::bindings::decide::export!(Export with_types_in $crate::bindings::decide);
        });
    };
}

/// Exports a [`Parser`]. Once a crate, with crate type `cdylib`.
#[macro_export]
macro_rules! export_parser {
    ($plugin:ty $(,)?) => {
        $crate::__export!($plugin, Parser; {
            use $crate::bindings::parse::exports::palisade::plugin::parse as wit;
            impl wit::Guest for Export {
                fn probe(chunks: ::std::vec::Vec<wit::Chunk>, arena: ::std::vec::Vec<u8>) -> ::std::vec::Vec<wit::Recognition> {
                    INSTANCE.with(|instance| instance.probe(chunks, arena))
                }
                fn parse(chunks: ::std::vec::Vec<wit::Chunk>, arena: ::std::vec::Vec<u8>) -> wit::Parsed {
                    INSTANCE.with(|instance| instance.parse(chunks, arena))
                }
                fn close(sessions: ::std::vec::Vec<u32>) {
                    INSTANCE.with(|instance| instance.close(sessions));
                }
            }
            $crate::bindings::parse::export!(Export with_types_in $crate::bindings::parse);
        });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $trait:ident $(, $optional:ident)*; { $($own:tt)* }) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: $crate::glue::Slot<$plugin> = const { $crate::glue::Slot::new() };
            }
            struct Export;
            impl $crate::bindings::plugin::exports::palisade::plugin::plugin::Guest for Export {
                fn configure(
                    settings: ::std::vec::Vec<$crate::bindings::plugin::exports::palisade::plugin::plugin::Setting>,
                ) -> ::std::result::Result<(), $crate::SettingsError> {
                    INSTANCE.with(|instance| instance.configure(settings, <$plugin as $crate::$trait>::configure))
                }
            }
            $crate::bindings::plugin::export!(Export with_types_in $crate::bindings::plugin);
            $($own)*
            $($crate::__export_optional!($optional);)*
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            fn is<T: $crate::$trait>() {}
            is::<$plugin>();
            $($crate::__check_optional!($plugin, $optional);)*
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_optional {
    (on_timer) => {
        impl $crate::bindings::on_timer::exports::palisade::plugin::on_timer::Guest for Export {
            fn on_timer(fired: ::std::vec::Vec<$crate::Fired>) {
                INSTANCE.with(|instance| instance.on_timer(fired));
            }
        }
        $crate::bindings::on_timer::export!(Export with_types_in $crate::bindings::on_timer);
    };
    (observe) => {
        impl $crate::bindings::observe::exports::palisade::plugin::observe::Guest for Export {
            fn observe(subscription: u32, rows: u32) {
                INSTANCE.with(|instance| instance.observe(subscription, rows));
            }
        }
        $crate::bindings::observe::export!(Export with_types_in $crate::bindings::observe);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __check_optional {
    ($plugin:ty, on_timer) => {
        fn on_timer<T: $crate::OnTimer>() {}
        on_timer::<$plugin>();
    };
    ($plugin:ty, observe) => {
        fn observe<T: $crate::Observe>() {}
        observe::<$plugin>();
    };
}
