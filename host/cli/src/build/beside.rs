//! The SDK as projects outside of a checkout name it: the folder `.palisade-sdk` beside their
//! `Cargo.toml`, `jsconfig.json` or `compile_flags.txt`.
//!
//! Its links lead to the SDK of whichever palisade builds there, so that no file of a project
//! names a place on a machine, and cargo, rust-analyzer, clangd and TypeScript's server find what
//! the build finds. As it lies in cargo's workspace, cargo knows the SDK by a relative path; the
//! names of symbols follow from that, and so the component is the same wherever both lie.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use palisade_private::Below;

use super::{Checkout, Language, Project, c, javascript, unlinked, within};
use crate::host::MAX_TEXT;

/// The folder.
pub(crate) const FOLDER: &str = ".palisade-sdk";
/// What of the SDK it has. Packages of cargo's workspaces need the manifest above them.
const LINKED: [&str; 4] = ["Cargo.toml", "rust", "c", "js"];
/// The folder in it of what is generated for one plugin: its bindings, for editors.
const BINDINGS: &str = "guest";
/// Files by which editors find what C and JavaScript use.
const EDITORS: [&str; 4] = [
    "compile_flags.txt",
    ".clangd",
    "jsconfig.json",
    "tsconfig.json",
];

/// Makes the folder, or leads its links to this SDK, wherever a project names it.
///
/// # Errors
/// When it cannot be made, or what lies there is something else.
pub(super) fn refresh(project: &Project, checkout: &Checkout) -> Result<()> {
    let bindings = bindings(&project.dir);
    unlinked(&project.dir, &bindings)?;
    if project.language == Language::Rust {
        for dir in named_by_cargo(&project.dir) {
            place(&dir, checkout)?;
        }
    }
    if !named_for_editors(&project.dir) {
        return Ok(());
    }
    place(&project.dir, checkout)?;
    if bindings.is_dir() {
        return Ok(());
    }
    match project.language {
        Language::Rust => Ok(()),
        Language::C => c::declare(project, checkout, &bindings),
        Language::JavaScript => javascript::declare(project, checkout, &bindings),
    }
}

/// Where the bindings of a project are kept for editors, if it names the folder for them.
pub(super) fn kept_bindings(project: &Path) -> Option<PathBuf> {
    named_for_editors(project).then(|| bindings(project))
}

fn bindings(project: &Path) -> PathBuf {
    project.join(FOLDER).join(BINDINGS)
}

fn named_for_editors(project: &Path) -> bool {
    EDITORS.iter().any(|name| {
        within::text(&project.join(name))
            .is_ok_and(|text| text.is_some_and(|text| text.contains(FOLDER)))
    })
}

/// The folders in which `.palisade-sdk` is to be for cargo: those that the path of a dependency leads
/// through, in `[dependencies]`, `[dev-dependencies]` or `[workspace.dependencies]` of the manifests of
/// the project and of the folders above it, up to the first with a `[workspace]`, whether the project is
/// a member of that or not. Of these folders only those count whose own manifest was read so: the
/// project's, and above it manifests that belong to the caller or root and are no links.
pub(super) fn named_by_cargo(project: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut manifests = Vec::new();
    for dir in project.ancestors() {
        let file = dir.join("Cargo.toml");
        let text = match dir == project {
            true => palisade_private::read(&file, MAX_TEXT),
            false => palisade_private::read_own(&file, MAX_TEXT),
        };
        // What is wrong in one, cargo tells.
        let Some(text) = text.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            continue;
        };
        manifests.push(dir);
        let manifest: toml::Table = toml::from_str(&text).unwrap_or_default();
        let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
        let tables = [
            manifest.get("dependencies"),
            manifest.get("dev-dependencies"),
            workspace.and_then(|workspace| workspace.get("dependencies")),
        ];
        let dependencies = tables.into_iter().flatten().filter_map(|t| t.as_table());
        let paths = dependencies
            .flat_map(|dependencies| dependencies.values())
            .filter_map(|dependency| dependency.get("path")?.as_str());
        found.extend(paths.filter_map(|path| holder(dir, Path::new(path))));
        if workspace.is_some() {
            break;
        }
    }
    found.retain(|folder| manifests.contains(&folder.as_path()));
    found.dedup();
    found
}

/// The folder of the `.palisade-sdk` that a path from `dir` leads through.
fn holder(dir: &Path, path: &Path) -> Option<PathBuf> {
    let mut holder = dir.to_path_buf();
    for part in path.components() {
        match part {
            Component::Normal(name) if name == FOLDER => return Some(holder),
            Component::ParentDir => drop(holder.pop()),
            Component::CurDir => {}
            other => holder.push(other),
        }
    }
    None
}

/// Makes `.palisade-sdk` in a folder, with links to this SDK.
fn place(dir: &Path, checkout: &Checkout) -> Result<()> {
    let folder = dir.join(FOLDER);
    let made = Below::make(dir, &folder)
        .and_then(|below| below.folder())
        .with_context(|| {
            format!(
                "make {}; if it is no folder but a link, file or pipe, remove it, and palisade makes \
                 a folder there",
                folder.display()
            )
        })?;
    for name in LINKED {
        let to = checkout.sdk.join(name);
        match made.read_link_contents(name) {
            Ok(known) if known == to => continue,
            Err(error) if error.kind() == ErrorKind::InvalidInput => bail!(
                "{} is no link to the SDK, as palisade makes it; remove {}, and it is made anew",
                folder.join(name).display(),
                folder.display()
            ),
            // It leads elsewhere, or is not there yet.
            Ok(_) | Err(_) => {}
        }
        // In one step, since somebody else may build here now.
        let new = format!(".{name}.{}", std::process::id());
        let _ = made.remove_file(&new);
        made.symlink_contents(&to, &new)
            .and_then(|()| made.rename(&new, &made, name))
            .with_context(|| format!("make the link {}", folder.join(name).display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_folder_is_where_a_manifest_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let (root, project) = (dir.path(), dir.path().join("rules/a"));
        fs::create_dir_all(&project).unwrap();
        let named = |member: &str, workspace: &str| {
            fs::write(project.join("Cargo.toml"), member).unwrap();
            fs::write(root.join("Cargo.toml"), workspace).unwrap();
            named_by_cargo(&project)
        };
        let own = "[dependencies]\npalisade-sdk = { path = \".palisade-sdk/rust\" }\n";
        let above = own.replace(".palisade", "../../.palisade");
        let shared = own.replace("[dep", "[workspace.dep");
        let none = "[dependencies]\npalisade-sdk.workspace = true\n";
        assert_eq!(named(own, ""), [project.as_path()]);
        assert_eq!(
            named(&format!("{own}[workspace]\n"), &shared),
            [project.as_path()]
        );
        assert_eq!(named(&above, "[workspace]"), [root]);
        assert_eq!(named(none, &shared), [root]);
        assert!(named(none, "not toml").is_empty());
        assert!(named("[dependencies]\nx = { path = \"../b\" }", "").is_empty());
        // Nowhere but beside a manifest that is the user's.
        for path in ["/", "../", "../../../", "sub/"] {
            assert!(named(&own.replace("\".pal", &format!("\"{path}.pal")), "").is_empty());
        }
        fs::remove_file(project.join("Cargo.toml")).unwrap();
        std::os::unix::fs::symlink(root.join("Cargo.toml"), root.join("rules/Cargo.toml")).unwrap();
        fs::write(root.join("Cargo.toml"), own).unwrap();
        assert_eq!(named_by_cargo(&project), [root]);
    }

    #[test]
    fn links_lead_to_the_sdk_at_hand_and_nothing_else_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        let checkout = |name: &str| Checkout {
            root: dir.path().join(name),
            sdk: dir.path().join(name).join("sdk"),
            wit: dir.path().join(name).join("wit/v0.1"),
        };
        let link = dir.path().join(FOLDER).join("rust");
        for name in ["one", "two"] {
            place(dir.path(), &checkout(name)).unwrap();
            assert_eq!(link.read_link().unwrap(), checkout(name).sdk.join("rust"));
        }
        assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 4);
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        let error = place(dir.path(), &checkout("one")).unwrap_err().to_string();
        assert!(error.contains("rust is no link"), "{error}");
    }
}
