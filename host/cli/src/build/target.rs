//! Where what is built lies, by one rule for all commands.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use palisade_pack::PACK_TOML;
use palisade_runtime::manifest::{Manifest, line_of};

use super::{checkout, within};

/// The `target` folder for what is built of a project (an absolute path): that of the checkout of
/// Palisade that the project lies in; else of its pack, which is the nearest folder at or above
/// the project with a `pack.toml`; else of the project itself.
pub(crate) fn target(project: &Path) -> PathBuf {
    let pack = || above(project).find(|dir| dir.join(PACK_TOML).is_file() && same(dir, PACK_TOML));
    let root = checkout_of(project).or_else(pack);
    root.unwrap_or(project).join("target")
}

/// What is wrong with `pack` of a plugin.toml, of this text, whose project lies in the folder of a pack
/// of another name: `pack build` refuses that.
pub(crate) fn other_pack(project: &Path, manifest: &Manifest, text: &str) -> Option<String> {
    let mut folders = above(project).map(|dir| (dir, dir.join(PACK_TOML)));
    let (dir, file) = folders.find(|(dir, file)| file.is_file() && same(dir, PACK_TOML))?;
    let pack: toml::Table = toml::from_str(&within::text(&file).ok()??).ok()?;
    let name = pack.get("name")?.as_str()?;
    let line = line_of(text, "plugin.pack").unwrap_or(1);
    (name != manifest.pack).then(|| {
        format!(
            "{}, line {line}: `pack = {:?}`, and {} calls the pack that it lies in `{name}`; write \
             `pack = {name:?}`, or move the plugin out of {}, since `pack build` refuses it there",
            project.join("plugin.toml").display(),
            manifest.pack,
            file.display(),
            dir.display()
        )
    })
}

/// The root of the checkout that a project lies in.
pub(super) fn checkout_of(project: &Path) -> Option<&Path> {
    above(project).find(|dir| checkout::is_root(dir) && same(dir, "sdk") && same(dir, "wit"))
}

/// A project and the folders above it, as long as they belong to whom it belongs to: what
/// somebody else keeps there does not draw its components to them. Folders that everybody may
/// write to, as `/tmp`, are not among those above.
fn above(project: &Path) -> impl Iterator<Item = &Path> {
    let owner = owner(project);
    project.ancestors().take_while(move |dir| {
        let open = || dir.metadata().map_or(true, |it| it.mode() & 0o002 != 0);
        owner.is_some() && self::owner(dir) == owner && (*dir == project || !open())
    })
}

/// Whether what is in a folder belongs to whom the folder belongs to.
fn same(dir: &Path, name: &str) -> bool {
    owner(dir).is_some() && owner(&dir.join(name)) == owner(dir)
}

/// The folder of components in a `target` folder.
pub(crate) fn plugins(target: &Path) -> PathBuf {
    target.join("plugins")
}

/// The component of a plugin in a folder of components, whatever pack it says that it belongs to.
pub(crate) fn component(plugins: &Path, manifest: &Manifest) -> PathBuf {
    plugins
        .join(&manifest.pack)
        .join(format!("{}.wasm", manifest.name))
}

fn owner(dir: &Path) -> Option<u32> {
    Some(dir.metadata().ok()?.uid())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_checkout_comes_first_then_the_pack_then_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let project = root.join("packs/one/rules/a");
        fs::create_dir_all(&project).unwrap();
        assert_eq!(target(&project), project.join("target"));
        fs::write(root.join("packs/pack.toml"), "").unwrap();
        assert_eq!(target(&project), root.join("packs/target"));
        fs::write(root.join("packs/one/pack.toml"), "").unwrap();
        assert_eq!(target(&project), root.join("packs/one/target"));
        fs::create_dir_all(root.join("sdk")).unwrap();
        assert_eq!(target(&project), root.join("packs/one/target"));
        fs::create_dir_all(root.join("wit/v0.1")).unwrap();
        assert_eq!(target(&project), root.join("target"));
        assert_eq!(target(root), root.join("target"));
    }
}
