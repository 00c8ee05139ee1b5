//! What is loaded.

use palisade_runtime::compile::ChildLimits;
use palisade_runtime::compile::ShapeLimits;
use palisade_state::datasets::DatasetLimits;

use super::REFUSED;
use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

pub(super) fn fill(t: &mut Table) {
    t.of("load");
    let ChildLimits {
        component,
        cpu_seconds,
        wall,
        memory,
        output,
    } = ChildLimits::default();
    t.value(
        "compile.component",
        Bytes,
        component,
        "a component that is compiled",
        REFUSED,
        &["compiling::a_component_is_compiled_within_its_limits"],
    );
    t.value(
        "compile.cpu_seconds",
        Time,
        cpu_seconds * 1000,
        "processor time to compile it, in a child process",
        REFUSED,
        &["compiling::a_compile_bomb_ends_at_processor_time_or_the_clock"],
    );
    t.value(
        "compile.wall",
        Time,
        wall.as_millis(),
        "the same by the clock",
        REFUSED,
        &["compiling::a_compile_bomb_ends_at_processor_time_or_the_clock"],
    );
    t.value(
        "compile.memory",
        Bytes,
        memory,
        "address space of the child",
        REFUSED,
        &["compiling::a_compile_bomb_ends_at_its_memory"],
    );
    t.value(
        "compile.output",
        Bytes,
        output,
        "machine code of a component",
        REFUSED,
        &["compiling::a_component_is_compiled_within_its_limits"],
    );
    t.constant(
        "runtime/src/compile/mod.rs",
        "MAX_MESSAGE",
        Bytes,
        "what a compiler says of it",
        "cut",
        &["components::a_compilers_message_is_harmless"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_COMPONENT",
        Bytes,
        "a component that `run` reads",
        REFUSED,
        &["wrong_input::files_that_are_larger_than_any_of_their_kind_are_not_read"],
    );
    t.constant(
        "cli/src/commands/plugin/inspect.rs",
        "MAX_COMPONENT_BYTES",
        Bytes,
        "a component that `plugin inspect` reads",
        REFUSED,
        &["wrong_input::files_that_are_larger_than_any_of_their_kind_are_not_read"],
    );
    t.constant(
        "runtime/src/manifest/section.rs",
        "MAX_SECTION_BYTES",
        Bytes,
        "a manifest",
        REFUSED,
        &["section::the_largest_section_passes_and_one_byte_more_does_not"],
    );
    t.constant(
        "runtime/src/manifest/validate/mod.rs",
        "MAX_ITEMS",
        Count,
        "subscriptions, rules, tables, datasets and settings, each",
        REFUSED,
        &[
            "tests::subscriptions_and_the_like_are_counted",
            "page::lists_and_numbers_end_where_the_page_says",
        ],
    );
    t.constant(
        "runtime/src/manifest/validate/subscription.rs",
        "MAX_FIELDS",
        Count,
        "fields of a subscription",
        REFUSED,
        &[
            "tests::keys_of_a_table_and_fields_of_a_subscription_are_counted",
            "page::lists_and_numbers_end_where_the_page_says",
        ],
    );
    t.constant(
        "runtime/src/manifest/validate/check.rs",
        "MAX_VALUES",
        Count,
        "values of a predicate",
        REFUSED,
        &[
            "tests::values_of_a_predicate_are_counted",
            "page::lists_and_numbers_end_where_the_page_says",
        ],
    );
    t.constant(
        "runtime/src/manifest/validate/parser.rs",
        "MAX_OFFSET",
        Count,
        "bytes before a parser's signature",
        REFUSED,
        &["page::lists_and_numbers_end_where_the_page_says"],
    );
    let DatasetLimits {
        bytes,
        entries,
        held,
    } = DatasetLimits::default();
    t.value(
        "dataset.held",
        Bytes,
        held,
        "memory of all datasets, at most a quarter of `--memory`",
        REFUSED,
        &[
            "tests::memory_is_bounded_and_what_is_beyond_it_is_refused_with_what_to_do",
            "peaks::datasets_take_what_they_say_they_take",
            "peaks::datasets_and_a_flood_take_no_more_than_everything_may",
        ],
    );
    t.value(
        "dataset.bytes",
        Bytes,
        bytes,
        "a dataset",
        REFUSED,
        &["tests::sizes_are_bounded"],
    );
    t.value(
        "dataset.entries",
        Count,
        entries,
        "entries of a dataset",
        REFUSED,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "state/src/datasets/load.rs",
        "MAX_LINE",
        Bytes,
        "a line of a dataset",
        REFUSED,
        &["tests::errors_say_line_and_field_and_what_to_write"],
    );
    t.constant(
        "state/src/datasets/load.rs",
        "MAX_FIELDS",
        Count,
        "fields of an entry",
        REFUSED,
        &["tests::errors_say_line_and_field_and_what_to_write"],
    );
    t.constant(
        "state/src/datasets/entry.rs",
        "MAX_VALUE",
        Bytes,
        "the value of an entry",
        REFUSED,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "state/src/datasets/entry.rs",
        "MAX_SAME_VALUE",
        Count,
        "entries with one value",
        REFUSED,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "sources/src/enrich/file.rs",
        "MAX_BYTES",
        Bytes,
        "a networks file",
        REFUSED,
        &["enrichment::networks_have_4_mib_and_no_more"],
    );
    t.constant(
        "sources/src/enrich/file.rs",
        "MAX_PROBLEMS",
        Count,
        "problems of a networks file that are told",
        "counted",
        &["enrichment::wrong_entries_are_told_all_at_once"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_TEXT",
        Bytes,
        "a settings file",
        REFUSED,
        &["messages::settings_and_networks_have_a_size_and_so_have_their_lines"],
    );
    t.constant(
        "cli/src/vector/read.rs",
        "MAX_FILE_BYTES",
        Bytes,
        "a file of a vector",
        REFUSED,
        &["read::a_file_has_64_mib_and_no_more"],
    );
    t.constant(
        "cli/src/signer.rs",
        "MAX_KEY_BYTES",
        Bytes,
        "a key file",
        REFUSED,
        &["messages::keys"],
    );
    t.constant(
        "cli/src/build/project.rs",
        "MAX_DEPTH",
        Count,
        "folders in each other that are searched for plugins to build",
        "not searched",
        &["project::plugins_are_looked_for_sixteen_folders_deep"],
    );
    t.constant(
        "cli/src/build/project.rs",
        "MAX_BESIDE",
        Count,
        "files beside a project that is not there, among which the one that was meant is looked for",
        "not looked at",
        &["project::what_is_meant_is_looked_for_among_a_thousand_files"],
    );
    t.constant(
        "cli/src/build/stamp.rs",
        "MAX_INPUT_BYTES",
        Bytes,
        "all files that a plugin is built from, as far as they are read for its stamp",
        REFUSED,
        &["stamp::what_is_no_file_and_what_is_too_much_is_refused_and_neither_read_nor_waited_for"],
    );
    t.constant(
        "cli/src/build/stamp.rs",
        "MAX_STAMP_BYTES",
        Bytes,
        "a stamp of a plugin's build",
        "it is built anew",
        &["stamp::a_stamp_counts_only_under_the_key_that_it_was_made_with"],
    );
    t.constant(
        "cli/src/build/compiler.rs",
        "MAX_SAID_BYTES",
        Bytes,
        "what a compiler of plugins says",
        "cut",
        &["compiler::lines_come_as_they_are_and_what_is_said_has_an_end"],
    );
    t.constant(
        "cli/src/build/compiler.rs",
        "MAX_TIME",
        Time,
        "a compiler of plugins, or another tool of a build",
        "it is ended with what it started",
        &["compiler::a_compiler_that_does_not_end_is_ended_with_what_it_started"],
    );
    t.constant(
        "cli/src/commands/plugin/repeat.rs",
        "MAX_READS",
        Count,
        "readings of an input by `plugin bench`",
        "it ends",
        &["repeat::an_input_is_read_4000_times_however_small_it_is"],
    );
    let ShapeLimits {
        depth,
        definitions,
        instances,
        items,
        functions,
        core_items,
        elements,
        custom_bytes,
    } = ShapeLimits::default();
    for (name, unit, amount, what) in [
        ("depth", Count, depth, "components within one another"),
        (
            "definitions",
            Count,
            definitions,
            "modules and components of a component",
        ),
        (
            "instances",
            Count,
            instances,
            "instances that a component makes",
        ),
        (
            "items",
            Count,
            items,
            "types, imports, exports and the like of components",
        ),
        ("functions", Count, functions, "functions of core modules"),
        (
            "core_items",
            Count,
            core_items,
            "other items of core modules",
        ),
        ("elements", Count, elements, "elements of core modules"),
        ("custom_bytes", Bytes, custom_bytes, "custom sections"),
    ] {
        t.value(
            &format!("limits.shape.{name}"),
            unit,
            amount,
            what,
            REFUSED,
            &[
                "compiling::parts_of_a_component_are_counted_before_it_is_compiled",
                "compiling::a_component_that_stands_for_millions_of_parts_takes_no_memory_of_the_host",
            ],
        );
    }
    t.constant(
        "cli/src/build/toolchain.rs",
        "MAX_BYTES",
        Bytes,
        "the file that names compilers",
        REFUSED,
        &["build::a_compiler_that_cannot_be_had_is_named"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_DEPTH",
        Count,
        "folders of plugins within one another",
        REFUSED,
        &["places::links_to_folders_and_pipes_among_plugins_are_refused"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_ENTRIES",
        Count,
        "files and folders in a folder of plugins",
        REFUSED,
        &["wrong_input::a_folder_of_plugins_has_100_000_files_and_no_more"],
    );
    t.constant(
        "runtime/src/compile/artifact.rs",
        "MAX_HEAD",
        Bytes,
        "what a compile child says beside the code",
        REFUSED,
        &["artifact::an_artifact_comes_back_and_a_damaged_one_is_refused"],
    );
    t.constant(
        "runtime/src/manifest/section.rs",
        "MAX_DEPTH",
        Count,
        "components within one another, while the manifest is looked for",
        REFUSED,
        &["section::components_lie_a_hundred_deep_and_no_more"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_DEBUG_FILE",
        Bytes,
        "a debug file",
        "not used",
        &["debug_file::a_debug_file_has_32_mib_and_no_more"],
    );
    t.constant(
        "runtime/src/symbols/held.rs",
        "MAX_TABLES",
        Bytes,
        "what is known from all debug files",
        "not used",
        &[
            "held::room_is_common_and_given_back",
            "peaks::hostile_debug_files",
        ],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_ROWS",
        Count,
        "lines of a debug file",
        "what comes later is not looked at",
        &["tests::lines_are_so_many_and_what_comes_later_is_left_out"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_FUNCTIONS",
        Count,
        "functions of it",
        "what comes later is not looked at",
        &["tests::functions_are_named_up_to_131_072"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_FILES",
        Count,
        "files that it names",
        "what comes later is not looked at",
        &["tests::files_are_so_many_and_names_so_long"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_INLINED",
        Count,
        "functions that one frame stands for",
        "what comes later is not looked at",
        &["tests::a_frame_stands_for_16_functions_and_a_name_is_four_steps_away"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_NAME_BYTES",
        Bytes,
        "a name of it",
        "what comes later is not looked at",
        &["tests::files_are_so_many_and_names_so_long"],
    );
    t.constant(
        "runtime/src/symbols.rs",
        "MAX_TEXT",
        Bytes,
        "names of it that are looked at",
        "what comes later is not looked at",
        &["tests::of_names_32_mib_are_looked_at_however_often_one_is_named"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_UNITS",
        Count,
        "units of a debug file",
        "what comes later is not looked at",
        &["tests::units_functions_and_ranges_are_so_many"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_ABBREVIATIONS",
        Count,
        "abbreviations of it",
        "what comes later is not looked at",
        &["tests::what_one_part_says_for_many_is_looked_at_so_often"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_HEADERS",
        Bytes,
        "headers of its units",
        "what comes later is not looked at",
        &["tests::what_one_part_says_for_many_is_looked_at_so_often"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_ATTRIBUTES",
        Count,
        "attributes of it",
        "what comes later is not looked at",
        &["tests::what_one_part_says_for_many_is_looked_at_so_often"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_RANGES",
        Count,
        "ranges of its code",
        "what comes later is not looked at",
        &["tests::units_functions_and_ranges_are_so_many"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_FUNCTIONS",
        Count,
        "functions put into others",
        "what comes later is not looked at",
        &["tests::units_functions_and_ranges_are_so_many"],
    );
    t.constant(
        "runtime/src/symbols/inlined.rs",
        "MAX_ORIGINS",
        Count,
        "steps to a name",
        "what comes later is not looked at",
        &["tests::a_frame_stands_for_16_functions_and_a_name_is_four_steps_away"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_LINE",
        Bytes,
        "a line of settings and networks",
        REFUSED,
        &["messages::settings_and_networks_have_a_size_and_so_have_their_lines"],
    );
}
