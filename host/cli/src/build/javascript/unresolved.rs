//! What a module imports and cannot have, and what would make it there.

use palisade_runtime::manifest::Capability;

use super::boundary::{CHECKED, IMPORT};
use crate::build::Project;
use crate::build::project::files_with;
use crate::build::within;
use crate::build::world::VERSION;

/// What modules of the SDK are imported by.
const SDK: &str = "palisade-sdk/";
/// What an engine says first of a module that it does not find.
const LEAD: &str = "Error resolving module '";

/// What the engine's message about an import means to the author; nothing if it is about
/// something else. `modules` are the names of the SDK's modules.
pub(super) fn explain(said: &str, project: &Project, modules: &[String]) -> Option<String> {
    let (_, after) = said.split_once(LEAD)?;
    let (module, after) = after.split_once('\'')?;
    let importer = after
        .split_once("from '/")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map_or("plugin.js", |(importer, _)| importer);
    let importer = importer.strip_prefix("node_modules/").unwrap_or(importer);
    // As the author wrote it.
    let written = match module.strip_prefix(CHECKED) {
        Some(name) => format!("{IMPORT}{}@{VERSION}", name.trim_end_matches(".js")),
        None => module.to_owned(),
    };
    let place = match line(project, importer, &written) {
        Some(line) => format!("{importer}:{line}"),
        None => importer.to_owned(),
    };
    let problem = if let Some(interface) = written.strip_prefix(IMPORT) {
        of_the_host(interface, project)
    } else if let Some(name) = written.strip_prefix(SDK) {
        format!(
            "the SDK has no module `{name}`; it has {}",
            modules.join(", ")
        )
    } else if written.starts_with('.') || written.starts_with('/') {
        "there is no such file; modules lie in the folder of plugin.js and are named with their \
         whole name, as in `./words.js`"
            .to_owned()
    } else {
        "there is no such module here: the build takes what lies in the folder of plugin.js, and \
         no packages; bundle what you need of one into a file there"
            .to_owned()
    };
    Some(format!("{place}: imports `{written}`: {problem}"))
}

/// Why an interface cannot be imported.
fn of_the_host(interface: &str, project: &Project) -> String {
    let (name, version) = interface.split_once('@').unwrap_or((interface, ""));
    if version != VERSION {
        return format!("this host has it as `{IMPORT}{name}@{VERSION}`");
    }
    let kinds = palisade_events::Kind::ALL;
    let kind = kinds
        .iter()
        .find(|kind| kind.name().replace('.', "-") == name);
    let capability = Capability::ALL
        .into_iter()
        .find(|other| other.name() == name);
    let remedy = if let Some(capability) = capability {
        project.how_to_ask_for(capability)
    } else if let Some(kind) = kind {
        format!("add a `[[subscription]]` with `kind = \"{}\"`", kind.name())
    } else if ["batch", "envelope", "findings"].contains(&name) {
        format!("a {} has no use for it", project.manifest.world.name())
    } else {
        "there is no such interface".to_owned()
    };
    format!("plugin.toml does not ask for it; {remedy}")
}

/// The line of an author's module that names another.
fn line(project: &Project, importer: &str, written: &str) -> Option<usize> {
    let files = files_with(&project.dir, "js").ok()?;
    let file = files.iter().find(|file| file.ends_with(importer))?;
    let text = within::text(file).ok()??;
    let quoted = ['"', '\''].map(|quote| format!("{quote}{written}{quote}"));
    let names = |line: &str| quoted.iter().any(|quoted| line.contains(quoted));
    text.lines().position(names).map(|line| line + 1)
}
