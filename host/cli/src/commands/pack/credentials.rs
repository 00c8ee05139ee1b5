//! Who one is at a registry: what `docker login`, `podman login` and the like have kept.
//!
//! The files and their order are those of containers-auth.json(5). `docker_credential` decodes
//! entries and talks to credential helpers; it does not know keys of a path (`HOST/NAMESPACE`), so
//! which entry counts is decided here.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use docker_credential::{CredentialRetrievalError as Missing, DockerCredential};
use palisade_events::Escaped;
use palisade_private::PrivateError;
use palisade_registry::{Credentials, Reference};
use serde_json::{Map, Value, json};

use crate::output::warn;

/// The largest file of credentials.
const MAX_FILE: u64 = 4 << 20;
/// What helpers say when they have nothing (docker-credential-helpers).
const NOTHING: &str = "credentials not found";
/// How much of what a helper says is shown.
const MAX_SHOWN: usize = 200;

/// What is kept for a repository, the most specific entry of the first file that has any; nobody,
/// where nothing is kept. Files that cannot be read and helpers that do not answer are told, and
/// passed over: a registry may let anybody in.
///
/// # Errors
/// When an entry for the repository is damaged.
pub(super) fn find(reference: &Reference) -> Result<Credentials> {
    for path in files(|name| std::env::var_os(name).filter(|value| !value.is_empty())) {
        let Some(config) = read(&path) else { continue };
        if let Some(found) = of(&config, &path, reference)? {
            return Ok(found);
        }
    }
    Ok(Credentials::Anonymous)
}

/// Where credentials may be, the first first.
fn files(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Vec<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from);
    // Whoever names a file wants that one.
    if let Some(file) = folder("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let home = folder("HOME");
    let runtime = folder("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
    let runtime = runtime.or_else(|| {
        use std::os::unix::fs::MetadataExt as _;
        let user = std::fs::metadata("/proc/self").ok()?.uid();
        Some(PathBuf::from(format!("/run/containers/{user}/auth.json")))
    });
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let docker = folder("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    [
        runtime,
        config.map(|dir| dir.join("containers/auth.json")),
        docker.map(|dir| dir.join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read(path: &Path) -> Option<Value> {
    let parse = || -> Result<Value> {
        let bytes = palisade_private::read(path, MAX_FILE)?;
        // An empty file is what some tools leave.
        if bytes.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&bytes)?)
    };
    match parse() {
        Ok(config) => Some(config),
        Err(error) => {
            let absent = match error.downcast_ref() {
                Some(PrivateError::Io { source, .. }) => {
                    matches!(
                        source.kind(),
                        ErrorKind::NotFound | ErrorKind::NotADirectory
                    )
                }
                _ => false,
            };
            let named = std::env::var_os("REGISTRY_AUTH_FILE").is_some();
            if !absent || named {
                warn(&format!(
                    "credentials cannot be read from {}, so none of it is used: {error}",
                    path.display()
                ));
            }
            None
        }
    }
}

/// What a file has for a repository: a helper for its registry, an entry, or what the store of all
/// registries has.
fn of(config: &Value, path: &Path, reference: &Reference) -> Result<Option<Credentials>> {
    let registry = reference.registry();
    let names = same(registry);
    let helpers = &config["credHelpers"];
    if let Some(helper) = names.iter().find_map(|name| helpers[*name].as_str())
        && let Some(found) = ask(helper, registry, path)
    {
        return Ok(Some(found));
    }
    if let Some(entries) = config["auths"].as_object()
        && let Some((key, entry)) = entry(entries, reference)
    {
        let decoded = decode(key, entry);
        return decoded.map(Some).with_context(|| {
            format!(
                "the credentials for `{}` in {} are damaged; log in again with `docker login` or \
                 `podman login`",
                Escaped(key),
                path.display()
            )
        });
    }
    let store = config["credsStore"].as_str();
    Ok(store.and_then(|helper| ask(helper, registry, path)))
}

/// Names of the same registry; Docker's has several.
fn same(registry: &str) -> Vec<&str> {
    const DOCKER: [&str; 4] = [
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "https://index.docker.io/v1/",
    ];
    if DOCKER.contains(&registry) {
        return DOCKER.to_vec();
    }
    vec![registry]
}

/// The entry with the longest key that the repository is or lies below: `HOST/team/name`,
/// `HOST/team`, `HOST`, or the address of `HOST` as old clients wrote it.
fn entry<'a>(
    entries: &'a Map<String, Value>,
    reference: &Reference,
) -> Option<(&'a str, &'a Value)> {
    // With a store, Docker leaves entries without anything in them.
    let filled = |value: &Value| {
        ["auth", "username", "identitytoken", "registrytoken"]
            .iter()
            .any(|field| value[*field].as_str().is_some_and(|text| !text.is_empty()))
    };
    let get = |key: &str| {
        let (key, value) = entries.get_key_value(key)?;
        filled(value).then_some((key.as_str(), value))
    };
    let registries = same(reference.registry());
    let mut path = Some(reference.repository());
    while let Some(at) = path {
        let found = registries
            .iter()
            .find_map(|name| get(&format!("{name}/{at}")));
        if found.is_some() {
            return found;
        }
        path = at.rsplit_once('/').map(|(above, _)| above);
    }
    let exact = registries.iter().find_map(|name| get(name));
    exact.or_else(|| {
        let of_host = |key: &str| {
            let rest = key
                .strip_prefix("https://")
                .or_else(|| key.strip_prefix("http://"))?;
            Some(registries.contains(&rest.split('/').next()?))
        };
        let found = entries
            .iter()
            .find(|(key, value)| of_host(key) == Some(true) && filled(value));
        found.map(|(key, value)| (key.as_str(), value))
    })
}

fn decode(key: &str, entry: &Value) -> Result<Credentials> {
    if let Some(token) = entry["registrytoken"].as_str().filter(|t| !t.is_empty()) {
        return Ok(Credentials::Token(token.to_owned()));
    }
    let mut entry = entry.clone();
    if let Some(fields) = entry.as_object_mut() {
        // Empty is what is not there.
        fields.retain(|_, value| value.as_str() != Some(""));
    }
    let one = serde_json::to_vec(&json!({ "auths": { key: entry } }))?;
    let found = docker_credential::get_credential_from_reader(one.as_slice(), key)?;
    Ok(credentials(found))
}

fn credentials(found: DockerCredential) -> Credentials {
    match found {
        DockerCredential::UsernamePassword(user, password) => {
            Credentials::Password { user, password }
        }
        DockerCredential::IdentityToken(token) => Credentials::Identity(token),
    }
}

/// What a credential helper has for a registry. One that is not there, or does not answer, is told
/// and has nothing.
fn ask(helper: &str, registry: &str, path: &Path) -> Option<Credentials> {
    let without = |problem: &str| {
        warn(&format!(
            "the credential helper `docker-credential-{}`, which {} names, {problem}; going on \
             without it",
            Escaped(helper),
            path.display()
        ));
        None
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if helper.is_empty() || !helper.chars().all(plain) {
        return without("has a name that is none");
    }
    let config = json!({ "credHelpers": { registry: helper } });
    let config = serde_json::to_vec(&config).ok()?;
    match docker_credential::get_credential_from_reader(config.as_slice(), registry) {
        // Nobody, as helpers say it.
        Ok(DockerCredential::UsernamePassword(user, password))
            if user.is_empty() && password.is_empty() =>
        {
            None
        }
        Ok(found) => Some(credentials(found)),
        Err(Missing::HelperFailure { stdout, stderr, .. }) => {
            let said = format!("{stdout} {stderr}");
            if said.contains(NOTHING) {
                return None;
            }
            let said: String = said.trim().chars().take(MAX_SHOWN).collect();
            without(&format!("failed (`{}`)", Escaped(&said)))
        }
        Err(Missing::HelperCommunicationError) => {
            without("cannot be run; install it, or take it out of the file")
        }
        Err(error) => without(&format!("gave no credentials ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(user: &str) -> Value {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:secret"));
        json!({ "auth": text })
    }

    fn user(config: &Value, reference: &str) -> Option<String> {
        let found = of(config, Path::new("auth.json"), &reference.parse().unwrap()).unwrap();
        match found? {
            Credentials::Password { user, .. } => Some(user),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_key_that_matches_counts() {
        let config = json!({ "auths": {
            "reg.example:5000": auth("host"),
            "reg.example:5000/team": auth("team"),
            "reg.example:5000/team/sub/pack": auth("pack"),
            "reg.example:5000/team-b": {},
            "https://old.example/v1/": auth("old"),
            "https://index.docker.io/v1/": auth("hub"),
            "[::1]:5000/team": auth("six"),
        }});
        for (reference, expected) in [
            ("reg.example:5000/other/pack:1", Some("host")),
            ("reg.example:5000/team:1", Some("team")),
            ("reg.example:5000/team/pack:1", Some("team")),
            ("reg.example:5000/team/sub/pack:1", Some("pack")),
            ("reg.example:5000/team/sub/pack/below", Some("pack")),
            // Not below `team`, and an entry that is empty is none.
            ("reg.example:5000/teams/pack", Some("host")),
            ("reg.example:5000/team-b/pack", Some("host")),
            ("reg.example/team/pack", None),
            ("old.example/x", Some("old")),
            ("docker.io/acme/x", Some("hub")),
            ("[::1]:5000/team/x", Some("six")),
            ("[::1]:5000/x", None),
        ] {
            assert_eq!(user(&config, reference).as_deref(), expected, "{reference}");
        }
    }

    #[test]
    fn tokens_are_told_apart_and_damage_is_told() {
        let of = |entry: Value| {
            let config = json!({ "auths": { "reg.example": entry } });
            of(
                &config,
                Path::new("auth.json"),
                &"reg.example/x".parse().unwrap(),
            )
        };
        let identity = of(json!({ "auth": "", "identitytoken": "t" })).unwrap();
        assert_eq!(identity, Some(Credentials::Identity("t".into())));
        let token = of(json!({ "registrytoken": "t" })).unwrap();
        assert_eq!(token, Some(Credentials::Token("t".into())));
        let error = format!("{:#}", of(json!({ "auth": "%%%" })).unwrap_err());
        assert!(error.contains("`reg.example` in auth.json"), "{error}");
        assert!(error.contains("log in again"), "{error}");
    }

    #[test]
    fn a_helper_that_is_not_there_leaves_what_else_there_is() {
        let config = json!({
            "credsStore": "not-there",
            "credHelpers": { "reg.example": "../../not-there" },
            "auths": { "reg.example/team": auth("team") },
        });
        assert_eq!(user(&config, "reg.example/team/x").as_deref(), Some("team"));
        assert_eq!(user(&config, "reg.example/x"), None);
    }

    #[test]
    fn a_file_of_more_than_4_mib_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        let padded = |bytes: usize| {
            let mut text = json!({ "auths": {} }).to_string().into_bytes();
            text.resize(bytes, b' ');
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        assert_eq!(padded(4 << 20), Some(json!({ "auths": {} })));
        assert_eq!(padded((4 << 20) + 1), None);
    }

    #[test]
    fn files_are_searched_in_the_order_of_container_tools() {
        let all = |name: &str| match name {
            "REGISTRY_AUTH_FILE" => None,
            name => Some(format!("/{name}").into()),
        };
        let of = |paths: Vec<PathBuf>| -> Vec<String> {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        assert_eq!(
            of(files(all)),
            [
                "/XDG_RUNTIME_DIR/containers/auth.json",
                "/XDG_CONFIG_HOME/containers/auth.json",
                "/DOCKER_CONFIG/config.json"
            ]
        );
        let home = |name: &str| (name == "HOME").then(|| "/h".into());
        let found = of(files(home));
        assert!(found[0].starts_with("/run/containers/"), "{found:?}");
        assert_eq!(
            found[1..],
            ["/h/.config/containers/auth.json", "/h/.docker/config.json"]
        );
        let named = |name: &str| Some(format!("/{name}").into());
        assert_eq!(of(files(named)), ["/REGISTRY_AUTH_FILE"]);
    }
}
