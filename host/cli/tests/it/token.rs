//! Keys that stay in a PKCS#11 token, with SoftHSM for a token and OpenSC's tool beside it.

use std::path::Path;
use std::process::Command;

use predicates::str::contains;

use crate::palisade;
use crate::site::project;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234";
const PACK: &str = "target/packs/acme-guard-1.0.0.tar";

/// A token with one Ed25519 key called `vendor`, and its public key in `token.pub`, made by the
/// commands of `host/pack/README.md`.
struct Token {
    folder: tempfile::TempDir,
}

impl Token {
    fn new() -> Option<Token> {
        let tools = ["/usr/bin/softhsm2-util", "/usr/bin/pkcs11-tool", MODULE];
        if let Some(missing) = tools.iter().find(|tool| !Path::new(tool).is_file()) {
            eprintln!("skipped: {missing} is not installed; run `make setup`");
            return None;
        }
        let token = Token {
            folder: tempfile::tempdir().unwrap(),
        };
        let tokens = token.dir().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let config = format!("directories.tokendir = {}\n", tokens.display());
        std::fs::write(token.dir().join("softhsm2.conf"), config).unwrap();
        for name in ["another", "signing"] {
            token.run(&format!(
                "softhsm2-util --init-token --free --label {name} --pin {PIN} --so-pin 5678"
            ));
        }
        token.run(
            "pkcs11-tool --module $MODULE --token-label signing --login --pin env:PIN \
             --keypairgen --key-type EC:edwards25519 --label vendor --id 01",
        );
        token.run(
            "pkcs11-tool --module $MODULE --token-label signing --read-object --type pubkey \
             --label vendor --output-file token.pub",
        );
        Some(token)
    }

    /// The same, and a pack beside it that is not signed.
    fn with_pack() -> Option<Token> {
        let token = Token::new()?;
        project(token.dir(), "1.0.0");
        token.palisade("", &["pack", "build", "guard"]).success();
        Some(token)
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, command: &str) {
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(self.dir())
            .env("SOFTHSM2_CONF", self.dir().join("softhsm2.conf"))
            .env("MODULE", MODULE)
            .env("PIN", PIN)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }

    fn palisade(&self, pin: &str, args: &[&str]) -> assert_cmd::assert::Assert {
        palisade(self.dir())
            .env("SOFTHSM2_CONF", self.dir().join("softhsm2.conf"))
            .env("MODULE", MODULE)
            .env("PIN", pin)
            .env("PALISADE_PASSPHRASE", pin)
            .args(args)
            .assert()
    }

    /// Signs the pack: with a public key, by an option, and its value.
    fn sign(&self, pin: &str, by: [&str; 3]) -> assert_cmd::assert::Assert {
        self.palisade(
            pin,
            &[&["pack", "sign", PACK, "--public"], &by[..]].concat(),
        )
    }
}

#[test]
fn a_key_in_a_token_signs() {
    let Some(token) = Token::with_pack() else {
        return;
    };
    let sign = |pin: &str, module: &str| token.sign(pin, ["token.pub", "--pkcs11", module]);
    sign(PIN, MODULE).success();
    sign("9999", MODULE)
        .code(2)
        .stderr(contains("log in to the token"));
    sign(PIN, "/nowhere.so")
        .code(2)
        .stderr(contains("use the PKCS#11 module /nowhere.so"));
    // Another key than any token has.
    token
        .palisade("correct horse battery", &["key", "new", "other"])
        .success();
    token
        .sign(PIN, ["other.pub", "--pkcs11", MODULE])
        .code(2)
        .stderr(contains("has the public key"));
    // What the token signed is what the site that trusts its key verifies; documents of any
    // size can be signed, and by the same token.
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let ok = |command: &str| {
        let args = words(command);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = token.palisade(PIN, &args).success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    };
    let told = ok(
        "trust root --out root.json --expires 365d --key vendor=token.pub \
                   --role root=1:vendor --role policy=1:vendor --role revocation=1:vendor \
                   --role vendor=1:vendor",
    );
    let pin = told
        .split([' ', ';', '\n'])
        .find(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
        .unwrap();
    ok("trust revocations --out revoked.json --expires 30d");
    std::fs::write(
        token.dir().join("trust.toml"),
        format!("# {}\n{}", "x".repeat(5000), crate::site::TRUST),
    )
    .unwrap();
    ok("trust policy trust.toml --out policy.json");
    for document in ["root.json", "revoked.json", "policy.json"] {
        ok(&format!(
            "trust sign {document} --public token.pub --pkcs11 {MODULE}"
        ));
    }
    ok(&format!("trust install root.json --pin {pin}"));
    ok("trust install revoked.json");
    ok("trust install policy.json");
    let said = ok(&format!("pack verify --offline {PACK}"));
    assert!(said.contains("may run here"), "{said}");
}

/// Debian's tool signs at most 1,024 bytes with EdDSA, which is enough for a signature of a
/// pack.
#[test]
fn the_tool_of_opensc_signs_packs_as_a_command() {
    let Some(token) = Token::with_pack() else {
        return;
    };
    let command = "pkcs11-tool --module $MODULE --token-label signing --login --pin env:PIN \
                   --sign --mechanism EDDSA --label vendor --input-file /dev/stdin \
                   --output-file /dev/stdout";
    let sign = ["token.pub", "--key-command", command];
    token.sign(PIN, sign).success();
    token.sign("9999", sign).code(2).stderr(contains("failed"));
}
