use proptest::prelude::*;

use super::*;

/// Gives a few bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(to.len());
        self.0.read(&mut to[..len])
    }
}

fn all(input: &[u8], framing: Framing, max: usize, step: usize) -> Vec<String> {
    let mut records = Records::new(Trickle(input, step), framing, max);
    let mut found = Vec::new();
    while let Some(record) = records.next().unwrap() {
        let text = String::from_utf8_lossy(records.bytes(&record)).into_owned();
        let fault = record
            .fault
            .map(|fault| format!(" ({fault})"))
            .unwrap_or_default();
        found.push(format!("{}@{} {text}{fault}", record.line, record.offset));
    }
    assert_eq!(records.offset(), input.len() as u64);
    found
}

fn check(input: &str, framing: Framing, max: usize, expect: &[&str]) {
    for step in [1, 2, 7, 1 << 20] {
        assert_eq!(
            all(input.as_bytes(), framing, max, step),
            expect,
            "steps of {step}"
        );
    }
}

#[test]
fn lines_without_blank_ones() {
    check(
        "a\n\n  \r\nbc \nlast",
        Framing::Lines,
        10,
        &["1@0 a", "4@7 bc ", "5@11 last"],
    );
    check("", Framing::Lines, 10, &[]);
    check("\n\n", Framing::Lines, 10, &[]);
}

#[test]
fn lines_that_are_too_long_are_skipped() {
    check(
        "ab\n0123456789x\ncd\n0123456789xyz",
        Framing::Lines,
        10,
        &[
            "1@0 ab",
            "2@3 0123456789 (the record is 11 bytes long, and at most 10 are taken)",
            "3@15 cd",
            "4@18 0123456789 (the record is 13 bytes long, and at most 10 are taken)",
        ],
    );
    let long = vec![b'x'; 3 << 20];
    let found = all(&long, Framing::Lines, 1000, 4096);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].matches('x').count(), 1000);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let mark = "\u{feff}";
    check(
        &format!("{mark}a\n{mark}"),
        Framing::Lines,
        10,
        &["1@3 a", "2@5 \u{feff}"],
    );
    check(
        &format!("{mark}[{{}}]"),
        Framing::Documents,
        10,
        &["1@4 {}"],
    );
    check(mark, Framing::Lines, 10, &[]);
    check(mark, Framing::Documents, 10, &[]);
}

#[test]
fn documents_in_brackets_or_not() {
    check(
        "[\n {\"a\": \"}\\\"{\"},\n {\"b\":\n [1]}\n]\n{\"c\":1}{\"d\":2}",
        Framing::Documents,
        100,
        &[
            "2@3 {\"a\": \"}\\\"{\"}",
            "3@19 {\"b\":\n [1]}",
            "6@33 {\"c\":1}",
            "6@40 {\"d\":2}",
        ],
    );
}

#[test]
fn what_is_no_document_is_told() {
    check(
        "[1, true,\n{\"a\":1},x{\"b\":2}, {\"c\":",
        Framing::Documents,
        100,
        &[
            "1@1 1 (there is no object here)",
            "1@4 true (there is no object here)",
            "2@10 {\"a\":1}",
            "2@18 x (there is no object here)",
            "2@19 {\"b\":2}",
            "2@28 {\"c\": (the input ends inside the record)",
        ],
    );
    check(
        "{\"a\":\"0123456789\"}\n{}",
        Framing::Documents,
        10,
        &[
            "1@0 {\"a\":\"0123 (the record is 18 bytes long, and at most 10 are taken)",
            "2@19 {}",
        ],
    );
}

#[test]
fn a_blank_line_can_be_too_long() {
    for step in [1, 100] {
        let found = all(b"a\n  \n   \nb", Framing::Lines, 2, step);
        let too_long = "3@5    (the record is 3 bytes long, and at most 2 are taken)";
        assert_eq!(found, ["1@0 a", too_long, "4@9 b"], "{step}");
    }
}

#[test]
fn zeros_before_records_are_passed_over() {
    for (framing, text) in [
        (Framing::Lines, "\0\0{}\n\0\0\0\0\0\0\n\0{}\n\0"),
        (Framing::Documents, "\0\0{}\n\0\0\0\0\0\0\n\0{}\n\0"),
    ] {
        check(text, framing, 4, &["1@2 {}", "3@13 {}"]);
        let mut records = Records::new(text.as_bytes(), framing, 4);
        while records.next().unwrap().is_some() {}
        assert_eq!(records.zeros(), 4);
    }
}

#[test]
fn a_document_that_does_not_end_costs_itself_alone() {
    let torn = "(the next record begins before this one has ended)";
    // At the end, and where it becomes too long.
    for max in [100, 12] {
        check(
            "[{\"a\":1},\n{\"a\":[\n{\"a\":\"x\n{\"a\":3},\n{\"b\":4}]",
            Framing::Documents,
            max,
            &[
                "1@1 {\"a\":1}",
                &format!("2@10 {{\"a\":[\n {torn}"),
                &format!("3@17 {{\"a\":\"x\n {torn}"),
                "4@25 {\"a\":3}",
                "5@34 {\"b\":4}",
            ],
        );
    }
    // What a text quotes begins no record.
    check(
        "{\"a\":\"{\\\"a\\\":1}\"}",
        Framing::Documents,
        100,
        &["1@0 {\"a\":\"{\\\"a\\\":1}\"}"],
    );
}

#[test]
fn an_error_comes_after_what_was_read_before_it() {
    struct Broken(bool);
    impl Read for Broken {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("broken"));
            }
            to[..5].copy_from_slice(b"a\nbcd");
            Ok(5)
        }
    }
    let mut records = Records::new(Broken(false), Framing::Lines, 10);
    assert_eq!(records.next().unwrap().unwrap().fault, None);
    assert_eq!(
        records.next().unwrap().unwrap().fault,
        Some(Fault::Unfinished)
    );
    assert_eq!(records.next().unwrap_err().to_string(), "broken");
    assert!(records.next().unwrap().is_none());
}

proptest! {
    #[test]
    fn the_size_of_reads_does_not_matter(
        input in "([ab{}\\[\\],\"\\\\\n\\x00 ]|\\{\"a\"){0,80}", step in 1usize..9, max in 1usize..40,
    ) {
        for framing in [Framing::Lines, Framing::Documents] {
            let whole = all(input.as_bytes(), framing, max, 1 << 20);
            prop_assert_eq!(all(input.as_bytes(), framing, max, step), whole);
        }
    }
}
