//! How WIT names become names in Rust, JSON and manifests, and field ids.

/// `app-proto` → `AppProto`.
pub fn pascal(kebab: &str) -> String {
    kebab
        .split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            })
        })
        .collect()
}

/// `app-proto` → `app_proto`, the name in JSON.
pub fn snake(kebab: &str) -> String {
    kebab.replace('-', "_")
}

/// `app-proto` → `APP_PROTO`.
pub fn screaming(kebab: &str) -> String {
    snake(kebab).to_ascii_uppercase()
}

/// As [`snake`], escaped where Rust reserves the word.
pub fn rust_field(kebab: &str) -> String {
    let name = snake(kebab);
    match name.as_str() {
        "ref" | "type" | "match" | "move" | "use" | "in" | "for" | "loop" | "where" | "final"
        | "static" | "enum" | "struct" | "trait" | "mod" | "priv" | "virtual" | "abstract"
        | "as" | "async" | "await" | "box" | "const" | "do" | "dyn" | "else" | "extern" | "fn"
        | "gen" | "if" | "impl" | "let" | "macro" | "mut" | "override" | "pub" | "return"
        | "try" | "typeof" | "unsafe" | "unsized" | "while" | "yield" | "break" | "continue" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

/// `report-pi-request` → `report.pi-request`: the first dash becomes a dot.
pub fn dotted_kind(kebab: &str) -> String {
    kebab.replacen('-', ".", 1)
}

/// The Rust type of a kind's body. The one that would share its name with the finding
/// a plugin emits is set apart.
pub fn body_type(kind: &str) -> String {
    match kind {
        "finding" => "FindingEvent".to_owned(),
        other => pascal(other),
    }
}

/// FNV-1a, 32 bits, of a dotted name.
pub fn field_id(dotted: &str) -> u32 {
    dotted.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
