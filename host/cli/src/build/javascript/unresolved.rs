//! What a module imports and cannot have, and what would make it there.

use std::path::Path;

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
/// something else. `sdk` is the folder of the SDK's modules.
pub(super) fn explain(said: &str, project: &Project, sdk: &Path) -> Option<String> {
    let modules = files_with(sdk, "js").unwrap_or_default();
    let modules = modules.iter().filter_map(|file| file.file_name()?.to_str());
    let modules: Vec<&str> = modules.collect();
    let Some((_, after)) = said.split_once(LEAD) else {
        return no_export(said, project, sdk);
    };
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
        let meant = meant(name, &modules);
        format!("the SDK has no module `{name}`; {meant}")
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
        let all = interfaces();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        return format!("there is no such interface; {}", meant(name, &all));
    };
    format!("plugin.toml does not ask for it; {remedy}")
}

/// The interfaces that a plugin can ask for.
fn interfaces() -> Vec<String> {
    let always = ["batch", "envelope", "fault", "findings"].map(str::to_owned);
    let capabilities = Capability::ALL.map(|it| it.name().to_owned());
    let kinds = palisade_events::Kind::ALL.iter();
    let kinds = kinds.map(|kind| kind.name().replace('.', "-"));
    always
        .into_iter()
        .chain(capabilities)
        .chain(kinds)
        .collect()
}

/// What a name may mean of those that there are.
fn meant(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .filter(|_| name.len() <= 64)
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= 1 + other.len() / 4)
        .min();
    match near {
        Some((_, other)) => format!("did you mean `{other}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}

/// What an engine says first of a name that a module does not export.
const NO_EXPORT: &str = "Could not find export '";

/// What its message about such a name means to the author.
fn no_export(said: &str, project: &Project, sdk: &Path) -> Option<String> {
    let (_, after) = said.split_once(NO_EXPORT)?;
    let (name, after) = after.split_once('\'')?;
    let (_, module) = after.split_once('\'')?;
    let (module, _) = module.split_once('\'')?;
    let file = module.rsplit('/').next()?;
    let of_sdk = module.contains(SDK);
    let written = match module.split_once(CHECKED) {
        Some((_, interface)) => {
            format!("{IMPORT}{}@{VERSION}", interface.trim_end_matches(".js"))
        }
        None if of_sdk => format!("{SDK}{file}"),
        None => format!("./{file}"),
    };
    let folder = if of_sdk { sdk } else { project.dir.as_path() };
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let exports: Vec<&str> = text.lines().filter_map(exported).collect();
    let there = match exports.as_slice() {
        [] => "see its functions in .palisade-sdk/guest/palisade.d.ts".to_owned(),
        exports => meant(name, exports),
    };
    let place = place(project, &written, name);
    Some(format!("{place}: `{written}` exports no `{name}`; {there}"))
}

/// The name that a line exports, as the SDK and most authors write it.
fn exported(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("export ")?;
    let rest = ["function ", "const ", "class ", "let "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    end.map(|end| &rest[..end])
}

/// The module of the author's, and the line, that imports this name of another.
fn place(project: &Project, written: &str, name: &str) -> String {
    let files = files_with(&project.dir, "js").unwrap_or_default();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let Some(end) = text.lines().position(|line| line.contains(written)) else {
            continue;
        };
        // An import may stand on several lines, of which the last names the module.
        let before: Vec<&str> = text.lines().take(end + 1).collect();
        let at = before.iter().rposition(|line| has_word(line, name));
        let shown = file.file_name().unwrap_or_default().to_string_lossy();
        return format!("{shown}:{}", at.unwrap_or(end) + 1);
    }
    "plugin.js".to_owned()
}

fn has_word(line: &str, word: &str) -> bool {
    let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    words.any(|other| other == word)
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
