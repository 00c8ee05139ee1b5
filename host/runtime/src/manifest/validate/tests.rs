//! How much a manifest may ask for: so much is taken, and one more is refused.

use super::*;

/// A detector of flows, with more behind it.
fn parse(fields: &str, predicate: &str, more: &str) -> Result<Manifest, String> {
    let text = format!(
        "[plugin]\nname = \"x\"\nversion = \"0.1.0\"\nkind = \"detector\"\nwit = \"0.1\"\npack = \"p\"\n\
         description = \"Counts.\"\ncapabilities = [\"state\", \"datasets\"]\n\
         [[subscription]]\nkind = \"network.flow\"\nfields = [{fields}]\nwhere = [{predicate}]\n\
         [[rule]]\nid = \"x-1\"\ntitle = \"A flow\"\nseverity = \"low\"\n{more}"
    );
    Manifest::parse(&text).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(parsed: Result<Manifest, String>, part: &str) {
    let text = parsed.map(drop).unwrap_err();
    assert!(text.contains(part), "{text}");
}

#[test]
fn a_parser_table_of_another_plugin_is_told_as_such_whatever_is_in_it() {
    for table in [
        "[parser]\n",
        "[parser]\nprotocol = \"x\"\nemits = [\"network.app\"]\n",
    ] {
        let parsed = parse("\"time\"", "", table);
        refused(
            parsed,
            "line 17, parser: only a parser has a `[parser]` table; take it away",
        );
    }
    // What else is wrong is told as it was.
    refused(
        parse("\"time\"", "", "[limits]\nmemories = 1\n"),
        "memories",
    );
}

#[test]
fn subscriptions_and_the_like_are_counted() {
    let many =
        |count: usize, item: &dyn Fn(usize) -> String| -> String { (0..count).map(item).collect() };
    let rule = |at| format!("[[rule]]\nid = \"r-{at}\"\ntitle = \"A\"\nseverity = \"low\"\n");
    let subscription =
        |_| "[[subscription]]\nkind = \"network.flow\"\nfields = [\"time\"]\n".to_owned();
    let dataset = |at| format!("[[dataset]]\nname = \"d-{at}\"\n");
    let table = |at| {
        format!(
            "[[table]]\nname = \"t-{at}\"\nkind = \"count\"\nkey = [\"src.ip\"]\nwindow = \"1h\"\n"
        )
    };
    let setting = |at| {
        format!(
            "[[setting]]\nname = \"s-{at}\"\ntype = \"integer\"\ndefault = 1\ndescription = \"A.\"\n"
        )
    };
    // One subscription and one rule are there.
    let items: [(usize, &dyn Fn(usize) -> String); 5] = [
        (1, &rule),
        (1, &subscription),
        (0, &dataset),
        (0, &table),
        (0, &setting),
    ];
    for (there, item) in items {
        let parse = |count: usize| {
            let fields = "\"time\", \"src.ip\"";
            parse(fields, "", &many(count - there, item))
        };
        parse(MAX_ITEMS).unwrap();
        refused(
            parse(MAX_ITEMS + 1),
            "there are 1025; at most 1024 are allowed",
        );
    }
}

#[test]
fn values_of_a_predicate_are_counted() {
    let parse = |count: usize| {
        let values: Vec<String> = (0..count).map(|at| format!("\"v{at}\"")).collect();
        let predicate = format!("{{ field = \"app-proto\", in = [{}] }}", values.join(","));
        // More than a section has room for.
        parse("\"time\", \"app-proto\"", &predicate, "")
    };
    parse(65_536).unwrap();
    refused(parse(65_537), "has 65537 values; at most 65536 are allowed");
}

#[test]
fn keys_of_a_table_and_fields_of_a_subscription_are_counted() {
    let table = |keys: u64| {
        let text = "[[table]]\nname = \"t\"\nkind = \"count\"\nkey = [\"src.ip\"]\nwindow = \"1h\"";
        parse(
            "\"time\", \"src.ip\"",
            "",
            &format!("{text}\nmax-keys = {keys}\n"),
        )
    };
    for keys in [1, 16_000_000] {
        table(keys).unwrap();
    }
    for keys in [0, 16_000_001] {
        refused(table(keys), "must be 1 to 16000000");
    }
    // No kind has so many fields, so what is within the limit is refused for another reason.
    let fields = |count: usize| parse(&vec!["\"time\""; count].join(","), "", "");
    let within = fields(256);
    assert!(within.is_ok() || !within.unwrap_err().contains("at most"));
    refused(fields(257), "at most 256 are allowed");
}
