//! What makes a run that came to its end an error all the same: it evaluated less than its
//! findings may seem to rest on.

use palisade_pipeline::engine::Summary;

/// Why a run ends with exit code 2 although it has written all that it has to say; nothing where
/// it does not. With `strict` one record that could not be read is enough.
pub(crate) fn shortfalls(done: &Summary, strict: bool) -> Vec<String> {
    let mut shortfalls = Vec::new();
    if done.interrupted > 0 {
        shortfalls.push(format!(
            "the run was ended before everything that was read was evaluated: {} events, \
             requests, timers and pieces of flows were not shown to a plugin that they are for",
            done.interrupted
        ));
    }
    if done.broken_inputs > 0 {
        shortfalls.push(format!(
            "{} of the inputs broke off; what is said above was found before that",
            done.broken_inputs
        ));
    }
    let nothing = done.bad_records > 0 && done.total_events() == 0 && done.packets == 0;
    if nothing || strict && done.bad_records > 0 {
        let why = if nothing {
            "and nothing else was there to evaluate"
        } else {
            "which --strict does not allow"
        };
        shortfalls.push(format!(
            "{} records could not be read, {why}",
            done.bad_records
        ));
    }
    for plugin in &done.plugins {
        let lost = plugin.cost.undeclared_rules;
        if lost > 0 {
            shortfalls.push(format!(
                "plugin `{}` filed findings of rules that its plugin.toml does not declare, and \
                 they are lost, {lost} times with all else that the call found: mend the id, or \
                 declare the rule",
                plugin.title
            ));
        }
    }
    // Events count where a call went well.
    for plugin in &done.plugins {
        if plugin.cost.faults > 0 && plugin.cost.events == 0 && plugin.parse.events == 0 {
            shortfalls.push(format!(
                "plugin `{}` faulted on everything that it was shown ({} faults): mend it, or \
                 leave it out",
                plugin.title, plugin.cost.faults
            ));
        }
    }
    shortfalls
}
