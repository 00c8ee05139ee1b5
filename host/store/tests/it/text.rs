use palisade_store::{Digest, Name, NameParseError};
use proptest::prelude::*;

#[test]
fn the_digest_is_blake3() {
    // Test vector of the BLAKE3 reference for the empty input.
    let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(Digest::of(b"").to_string(), expected);
    assert_eq!(expected.parse(), Ok(Digest::of(b"")));
    assert_eq!(
        serde_json::to_string(&Digest::of(b"")).unwrap(),
        format!("\"{expected}\"")
    );
}

#[test]
fn upper_case_is_the_same_digest() {
    let digest = Digest::of(b"x");
    let upper = digest.to_string().to_uppercase();
    assert_eq!(upper.parse(), Ok(digest));
    assert_eq!(
        serde_json::from_str::<Digest>(&format!("\"{upper}\"")).unwrap(),
        digest
    );
}

#[test]
fn other_texts_are_not_digests() {
    let hex = "0".repeat(64);
    for (text, part) in [
        (String::new(), "0 characters"),
        (hex[1..].to_owned(), "63 characters"),
        (hex.clone() + "0", "65 characters"),
        (hex.replacen('0', "g", 1), "position 1"),
        ("é".repeat(32), "position 1"),
        (format!(" {}", &hex[1..]), "position 1"),
    ] {
        let error = text.parse::<Digest>().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(serde_json::from_str::<Digest>("7").is_err());
}

#[test]
fn names_cannot_leave_their_directory_or_hide() {
    for text in [
        ".",
        "..",
        "../lock",
        "a/b",
        "/etc/passwd",
        "a\\b",
        ".hidden",
        "-rf",
        "a\0b",
        "a b",
        "Ab",
        "é",
        "a\n",
    ] {
        assert!(text.parse::<Name>().is_err(), "{text:?}");
    }
    for text in ["a", "0", "a..b", "pack.iot-protocols@0.1.0", "a+b_c"] {
        assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
    }
}

#[test]
fn names_have_a_length() {
    assert!("a".repeat(128).parse::<Name>().is_ok());
    for len in [0, 129, 100_000] {
        let error = "a".repeat(len).parse::<Name>().unwrap_err();
        assert_eq!(error, NameParseError::Length { len });
    }
}

proptest! {
    #[test]
    fn digests_survive_text_and_json(bytes: [u8; 32]) {
        let digest = Digest(bytes);
        prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn digests_and_their_texts_have_one_order(a: [u8; 32], b: [u8; 32]) {
        let (a, b) = (Digest(a), Digest(b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn a_text_that_is_a_name_is_one_plain_file_name(text: String) {
        if let Ok(name) = text.parse::<Name>() {
            let path = std::path::Path::new(name.as_str());
            let parts: Vec<_> = path.components().collect();
            prop_assert!(matches!(parts[..], [std::path::Component::Normal(_)]));
            prop_assert_eq!(name.as_str(), text.to_lowercase());
        }
    }
}
