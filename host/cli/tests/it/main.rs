//! The command as a user meets it.

mod store;

use std::path::Path;

/// The command, in a directory of its own and without anything of the environment that
/// could change what it does.
fn palisade(dir: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("palisade"));
    command.current_dir(dir).env_remove("PALISADE_STORE");
    command
}
