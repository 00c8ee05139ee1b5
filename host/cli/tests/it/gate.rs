//! Whether a pack may leave, by what its data say (TI-7.2, H-10). Nothing listens where these
//! packs would go: who gets there was let out.

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{ok, project, run};

const NOWHERE: &str = "127.0.0.1:1/acme/guard:1";
const LET_OUT: &str = "check host and port";

/// Builds the pack with a dataset of one entry that has these fields, and with more of pack.toml.
fn build(dir: &Path, fields: &str, more: &str) {
    project(dir, "1.0.0");
    let entry = format!(r#"{{"kind":"domain","value":"bad.example"{fields}}}"#);
    std::fs::write(dir.join("guard/list.ndjson"), entry).unwrap();
    let path = dir.join("guard/pack.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(more);
    text.push_str("\n[datasets.list]\nfile = \"list.ndjson\"\n");
    std::fs::write(path, text).unwrap();
    ok(dir, &["pack", "build", "guard"]);
}

fn push(dir: &Path, request: Option<&str>) -> assert_cmd::assert::Assert {
    let pack = "target/packs/acme-guard-1.0.0.tar";
    let mut args = vec!["pack", "push", pack, NOWHERE];
    if let Some(request) = request {
        std::fs::write(dir.join("request.json"), request).unwrap();
        args.extend(["--request", "request.json"]);
    }
    run(dir, &args)
}

#[test]
fn a_colour_closes_the_gate_in_whatever_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for fields in [
        r#","tlp":"TLP:RED""#,
        r#","TLP":"RED""#,
        r#","labels":"tlp:red""#,
        r#","labels":["tlp:red"]"#,
        r#","Tag":[{"name":"tlp:red"}]"#,
        r#","x":{"y":["Traffic Light Protocol: Red"]}"#,
    ] {
        build(dir, fields, "");
        push(dir, None).code(2).stderr(contains("--request"));
        push(dir, Some("{}"))
            .code(1)
            .stdout(contains("TLP:RED is for the persons"));
    }
}

#[test]
fn data_without_a_colour_asks_for_a_request_and_no_data_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    build(dir, "", "");
    push(dir, None)
        .code(2)
        .stderr(contains("names no colour of TLP").and(contains("--request")));
    // A policy must judge it.
    push(dir, Some("{}"))
        .code(2)
        .stderr(contains(LET_OUT).not());
    build(dir, "", "\n[labels]\ntlp = \"clear\"\n");
    push(dir, None).code(2).stderr(contains(LET_OUT));
    build(dir, r#","tlp":"white""#, "");
    push(dir, None).code(2).stderr(contains(LET_OUT));
    project(dir, "1.0.0");
    ok(dir, &["pack", "build", "guard"]);
    push(dir, None).code(2).stderr(contains(LET_OUT));
}

#[test]
fn what_is_not_understood_closes_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (fields, told) in [
        (r#","tlp":3"#, "field `tlp`: `3` is no colour"),
        (r#","labels":"tlp:ex:chr""#, "no colour"),
        (r#","tlр":"clear""#, "another alphabet"),
        (r#","notice":{"id":1}"#, "does not say where it comes from"),
        (r#","embargo":"soon""#, "does not say when the embargo ends"),
        (r#","sharing_group_id":"9""#, "sharing group"),
    ] {
        build(dir, &format!(r#"{fields},"x":"TLP:CLEAR""#), "");
        let closed = || contains("datasets/list.ndjson, line 1").and(contains(told));
        for request in [None, Some(r#"{"audience":"internal"}"#)] {
            push(dir, request).code(1).stdout(closed());
        }
        let pack = "target/packs/acme-guard-1.0.0.tar";
        run(dir, &["pack", "inspect", pack])
            .success()
            .stdout(closed());
        run(dir, &["pack", "build", "guard"])
            .success()
            .stderr(contains("cannot be pushed"));
    }
}

#[test]
fn amber_strict_stays_in_the_own_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let stays = "stays in the own organisation";
    let request = |audience: &str, recipients: &str| {
        format!(
            r#"{{"publisher":{{"id":"us"}},"audience":"{audience}","recipients":{recipients}}}"#
        )
    };
    build(dir, r#","tlp":"amber+strict""#, "");
    for (audience, recipients) in [
        ("named", "[]"),
        ("named", r#"[{"id":"us"}]"#),
        ("internal", r#"[{"id":"them"}]"#),
        ("internal", r#"[{"id":"us"},{}]"#),
        ("internal", r#"{"id":"us"}"#),
    ] {
        let request = request(audience, recipients);
        push(dir, Some(&request)).code(1).stdout(contains(stays));
    }
    for recipients in ["[]", r#"[{"id":"us"}]"#] {
        let request = request("internal", recipients);
        // Then it is for policies to judge.
        push(dir, Some(&request))
            .code(2)
            .stdout(contains(stays).not());
    }
    for audience in ["open", "Open", ""] {
        let request = request(audience, "[]");
        push(dir, Some(&request))
            .code(1)
            .stdout(contains("does not go to everybody"));
    }
}

#[test]
fn nothing_of_a_request_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    build(dir, "", "");
    for field in ["contains", "subjects"] {
        push(dir, Some(&format!(r#"{{"{field}":"exploit-code"}}"#)))
            .code(2)
            .stderr(contains(format!("`{field}` is")).and(contains("write a list")));
    }
}

#[test]
fn somebody_answers_for_what_may_be_a_marking() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for note in ["TLP – RED", "TLP: streng"] {
        build(dir, &format!(r#","tlp":"clear","note":"{note}""#), "");
        push(dir, None)
            .code(2)
            .stdout(contains("datasets/list.ndjson, line 1"))
            .stderr(contains("may hold markings").and(contains("--request")));
        // A policy must judge it.
        push(dir, Some("{}"))
            .code(2)
            .stderr(contains("name plugins with --plugins"));
        run(dir, &["pack", "build", "guard"])
            .success()
            .stderr(contains("is pushed only with a request"));
    }
}

#[test]
fn what_closes_the_gate_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    std::fs::create_dir(dir.join("guard/docs")).unwrap();
    let docs = "docs = [\"docs/guide.md\"]\n";
    let text =
        "# Guide\n\nFor everybody, TLP:GREEN.\n\nNot this: TLP:AMBER+STRICT.\nNor TLP:PURPLE.\n";
    std::fs::write(dir.join("guard/docs/guide.md"), text).unwrap();
    build(dir, r#","tlp":"white""#, docs);
    push(dir, None)
        .code(2)
        .stdout(contains("docs/guide.md, line 6: `TLP:PURPLE` is no colour"))
        .stderr(contains("--request"));
    std::fs::write(
        dir.join("guard/docs/guide.md"),
        text.replace("Nor TLP:PURPLE.", ""),
    )
    .unwrap();
    build(dir, r#","tlp":"white""#, docs);
    let place = || contains("docs/guide.md, line 5: `TLP:AMBER+STRICT`");
    push(dir, None).code(2).stderr(place());
    push(dir, Some(r#"{"audience":"open"}"#))
        .code(1)
        .stdout(place().and(contains("TLP:GREEN").not()))
        .stdout(contains("build the pack again"));
    run(
        dir,
        &["pack", "inspect", "target/packs/acme-guard-1.0.0.tar"],
    )
    .success()
    .stdout(contains("restricted by docs/guide.md, line 5"));
    std::fs::remove_dir_all(dir.join("guard/docs")).unwrap();
    for (fields, place) in [
        (
            r#","tlp":"red""#,
            "line 1, field `tlp`: `red`, which is TLP:RED",
        ),
        (
            r#","labels":"secretive""#,
            "line 1, field `labels`: `secretive`",
        ),
        (r#","notice":"N-1""#, "line 1, field `notice`: `N-1`"),
        ("", "line 1: no colour is named"),
    ] {
        build(dir, fields, "");
        let place = format!("datasets/list.ndjson, {place}");
        push(dir, None).code(2).stderr(contains(place));
    }
    build(
        dir,
        r#","tlp":"clear","embargo":"2999-01-01T00:00:00Z""#,
        "",
    );
    push(dir, None)
        .code(1)
        .stdout(contains("under embargo until"))
        .stdout(contains(
            "datasets/list.ndjson, line 1, field `embargo`: `2999-01-01T00:00:00Z`",
        ));
}
