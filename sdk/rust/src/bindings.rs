//! Generated from `wit/v0.1`. What a guest does not call leaves no import behind.
//!
//! Every exported interface has a world of its own, so that an export macro puts
//! together just those that the plugin has; all of them share the types of [`host`].
#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all)]

/// Everything that a plugin may import.
pub mod host {
    include!(concat!(env!("OUT_DIR"), "/host.rs"));
}

/// The export `plugin`.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-plugin; world export-plugin { export palisade:plugin/plugin@0.1.0; }",
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The export `evaluate`.
pub mod evaluate {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-evaluate; world export-evaluate { export palisade:plugin/evaluate@0.1.0; }",
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The export `observe`.
pub mod observe {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-observe; world export-observe { export palisade:plugin/observe@0.1.0; }",
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The export `on-timer`.
pub mod on_timer {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-on-timer; world export-on-timer { export palisade:plugin/on-timer@0.1.0; }",
        with: { "palisade:plugin/types@0.1.0": crate::bindings::host::palisade::plugin::types },
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The export `decide`.
pub mod decide {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-decide; world export-decide { export palisade:plugin/decide@0.1.0; }",
        with: { "palisade:plugin/types@0.1.0": crate::bindings::host::palisade::plugin::types },
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// The export `parse`.
pub mod parse {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package palisade:export-parse; world export-parse { export palisade:plugin/parse@0.1.0; }",
        with: { "palisade:plugin/types@0.1.0": crate::bindings::host::palisade::plugin::types },
        runtime_path: "::palisade_sdk::__rt",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}
