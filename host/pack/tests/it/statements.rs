//! Attacks on signatures and certificates.

use palisade_pack::Sign as _;
use palisade_pack::dsse::Envelope;
use palisade_pack::statement::{CERTIFICATE_PREDICATE, SIGNATURE_PREDICATE, Signed, Statement};
use palisade_store::Digest;
use serde_json::Value;

use crate::site::*;

#[test]
fn the_pack_is_trusted_as_it_is() {
    let report = Site::new().verify(&attested(bare()));
    assert!(report.trusted, "{report:#?}");
    assert!(report.codes().is_empty(), "{report:#?}");
}

/// The vendor's envelope, changed as JSON.
fn vendor(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&signed(signature(&bare()), &VENDORS)).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

/// A statement of the vendors whose payload is this text.
fn payload(text: String) -> Vec<u8> {
    signed(
        Envelope::new("application/vnd.in-toto+json", text.into_bytes()),
        &VENDORS,
    )
}

fn text() -> String {
    String::from_utf8(signature(&bare()).payload().to_vec()).unwrap()
}

#[test]
fn signatures_that_do_not_count() {
    let site = Site::new();
    let other = Pack::build(&source("1.0.1"), inputs()).unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        // Absent, truncated, swapped, duplicated, stripped.
        ("signatures-missing", vec![]),
        (
            "signature-absent",
            vendor(|v| v["signatures"] = Value::Array(vec![])),
        ),
        (
            "envelope",
            vendor(|v| drop(v.as_object_mut().unwrap().remove("signatures"))),
        ),
        (
            "signature-malformed",
            vendor(|v| v["signatures"][0]["sig"] = "AAAA".into()),
        ),
        (
            "signature-malformed",
            vendor(|v| v["signatures"][0]["sig"] = "".into()),
        ),
        (
            "envelope",
            vendor(|v| drop(v["signatures"][0].as_object_mut().unwrap().remove("sig"))),
        ),
        (
            "key-id-absent",
            vendor(|v| drop(v["signatures"][0].as_object_mut().unwrap().remove("keyid"))),
        ),
        (
            "key-id-absent",
            vendor(|v| v["signatures"][0]["keyid"] = "".into()),
        ),
        (
            "envelope",
            vendor(|v| v["signatures"][0]["keyid"] = "../../key".into()),
        ),
        (
            "signature-invalid",
            vendor(|v| {
                let first = v["signatures"][0]["sig"].take();
                let second = v["signatures"][1]["sig"].take();
                v["signatures"][0]["sig"] = second;
                v["signatures"][1]["sig"] = first;
            }),
        ),
        (
            "signature-twice",
            vendor(|v| v["signatures"][1] = v["signatures"][0].clone()),
        ),
        (
            "signatures-missing",
            vendor(|v| drop(v["signatures"].as_array_mut().unwrap().pop())),
        ),
        ("envelope", vec![b' '; 5]),
        ("envelope", vendor(|v| v["payload"] = "%%%".into())),
        ("envelope", vendor(|v| v["extra"] = 1.into())),
        // Keys.
        (
            "key-unknown",
            signed(signature(&bare()), &[VENDORS[0], STRANGER]),
        ),
        (
            "key-expired",
            signed(signature(&bare()), &[VENDORS[0], EXPIRED]),
        ),
        (
            "key-role",
            signed(signature(&bare()), &[VENDORS[0], CERTIFIER]),
        ),
        (
            "signatures-missing",
            signed(signature(&bare()), &[VENDORS[0]]),
        ),
        // The statement.
        ("subject", signed(signature(&other), &VENDORS)),
        (
            "subject-name",
            payload(text().replace("acme/guard@1.0.0", "acme/guard@9.0.0")),
        ),
        (
            "payload-type",
            signed(Envelope::new("text/plain", text().into_bytes()), &VENDORS),
        ),
        (
            "payload-type",
            payload(text().replace(SIGNATURE_PREDICATE, "urn:other")),
        ),
        // The same signatures over another type of payload: the type is signed too.
        ("signature-invalid", {
            let good = signed(Envelope::new("text/plain", text().into_bytes()), &VENDORS);
            String::from_utf8(good)
                .unwrap()
                .replace("text/plain", "application/vnd.in-toto+json")
                .into_bytes()
        }),
        // A certificate is no signature: its fields are others.
        (
            "malformed",
            payload(text().replace("\"signed\"", "\"issued\"")),
        ),
        // Canonicalisation.
        ("not-canonical", payload(text().replacen(':', ": ", 1))),
        (
            "not-canonical",
            payload(text().replace("acme", "\\u0061cme")),
        ),
        (
            "malformed",
            payload(text().replacen('{', "{\"_type\":\"https://in-toto.io/Statement/v1\",", 1)),
        ),
        (
            "malformed",
            payload(text().replacen('{', "{\"extra\":1,", 1)),
        ),
        (
            "malformed",
            payload(text().replace("2026-06-01T00:00:00Z", "2026-06-01T08:00:00+08:00")),
        ),
        (
            "malformed",
            payload(text().replace("\"2026-06-01T00:00:00Z\"", "1.780272e9")),
        ),
        ("not-canonical", payload(format!("{}\n", text()))),
        ("malformed", payload(format!("{0}{0}", text()))),
        ("malformed", payload(format!("\u{feff}{}", text()))),
        (
            "malformed",
            payload(text().replace("\"blake3\"", "\"md5\"")),
        ),
        // Time.
        ("future-date", {
            let predicate = Signed {
                signed: days(2),
                expires: None,
            };
            signed(
                Statement::about(&bare(), SIGNATURE_PREDICATE, predicate).envelope(),
                &VENDORS,
            )
        }),
        ("statement-expired", {
            let predicate = Signed {
                signed: days(-9),
                expires: Some(days(-1)),
            };
            signed(
                Statement::about(&bare(), SIGNATURE_PREDICATE, predicate).envelope(),
                &VENDORS,
            )
        }),
    ];
    for (number, (code, envelope)) in cases.into_iter().enumerate() {
        println!("case {number}: {code}");
        refused(&site.verify(&with("vendor.dsse.json", envelope)), code);
    }
}

use palisade_pack::Pack;

#[test]
fn one_key_does_not_meet_a_threshold_of_two_in_two_envelopes() {
    let mut pack = with(
        "vendor.dsse.json",
        signed(signature(&bare()), &[VENDORS[0]]),
    );
    let again = Signed {
        signed: days(-1),
        expires: None,
    };
    let again = Statement::about(&pack, SIGNATURE_PREDICATE, again).envelope();
    pack.attest("again.dsse.json", signed(again, &[VENDORS[0]]))
        .unwrap();
    refused(&Site::new().verify(&pack), "signatures-missing");
    // Two keys in two envelopes do.
    let second = signed(signature(&pack), &[VENDORS[1]]);
    pack.attest("second.dsse.json", second).unwrap();
    assert!(Site::new().verify(&pack).trusted);
}

#[test]
fn a_changed_bit_of_a_signature_is_found_anywhere() {
    let site = Site::new();
    let good = Envelope::read("x", &signed(signature(&bare()), &VENDORS)).unwrap();
    for bit in (0..512).step_by(37) {
        let mut json: Value = serde_json::from_slice(&good.write()).unwrap();
        let mut bytes = good.signatures()[0].bytes;
        bytes[bit / 8] ^= 1 << (bit % 8);
        use base64::Engine as _;
        json["signatures"][0]["sig"] = base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into();
        let pack = with("vendor.dsse.json", serde_json::to_vec(&json).unwrap());
        refused(&site.verify(&pack), "signature-invalid");
    }
}

#[test]
fn certificates_that_do_not_count() {
    let site = Site::new();
    let other = Pack::build(&source("1.0.1"), inputs()).unwrap();
    let by = |change: fn(&mut palisade_pack::statement::Certificate)| {
        signed(certificate(&bare(), change), &[CERTIFIER])
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("certificate-missing", vec![]),
        // Replayed for another digest.
        ("subject", signed(certificate(&other, |_| {}), &[CERTIFIER])),
        (
            "key-role",
            signed(certificate(&bare(), |_| {}), &[VENDORS[0]]),
        ),
        (
            "key-unknown",
            signed(certificate(&bare(), |_| {}), &[STRANGER]),
        ),
        ("certificate-old", by(|c| c.issued = days(-91))),
        ("future-date", by(|c| c.issued = days(2))),
        ("statement-expired", by(|c| c.expires = Some(days(-1)))),
        ("certificate-failed", by(|c| c.checks[0].passed = false)),
        ("certificate-failed", by(|c| c.checks[3].cases = 0)),
        ("certificate-failed", by(|c| drop(c.checks.remove(2)))),
        (
            "certificate-failed",
            by(|c| {
                let mut twice = c.checks[1].clone();
                twice.passed = false;
                c.checks.push(twice);
            }),
        ),
        // Over a ceiling, never called, or left out.
        (
            "certificate-failed",
            by(|c| c.peaks.get_mut("telnet").unwrap().fuel = 21),
        ),
        (
            "certificate-failed",
            by(|c| c.peaks.get_mut("telnet").unwrap().memory = 2 << 20),
        ),
        (
            "certificate-failed",
            by(|c| c.peaks.get_mut("telnet").unwrap().calls = 0),
        ),
        ("certificate-failed", by(|c| c.peaks.clear())),
        (
            "certificate-capabilities",
            by(|c| c.capabilities.extend(["state".to_owned()])),
        ),
        // The vendor's signature under the certificate's name is no certificate.
        (
            "certificate-missing",
            signed(signature(&bare()), &[CERTIFIER]),
        ),
    ];
    for (number, (code, envelope)) in cases.into_iter().enumerate() {
        println!("case {number}: {code}");
        refused(&site.verify(&with("certificate.dsse.json", envelope)), code);
    }
}

#[test]
fn what_is_revoked_does_not_count() {
    let pack = attested(bare());
    let reason = || "stolen".to_owned();
    let site = Site::new();
    site.revoke(|list| drop(list.packs.insert(pack.digest(), reason())));
    refused(&site.verify(&pack), "pack-revoked");

    let site = Site::new();
    site.revoke(|list| {
        drop(
            list.keys
                .insert(key(VENDORS[1]).public().id().clone(), reason()),
        )
    });
    refused(&site.verify(&pack), "key-revoked");

    let site = Site::new();
    let payload = certificate(&pack, |_| {});
    let digest = Digest::of(payload.payload());
    site.revoke(|list| drop(list.certificates.insert(digest, reason())));
    refused(&site.verify(&pack), "certificate-revoked");
    assert_eq!(CERTIFICATE_PREDICATE, "urn:palisade:pack-certificate:1");
}
