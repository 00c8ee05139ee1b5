//! Where a script throws something that is no Error, which has no stack of its own.
//!
//! Before what a module throws stands a call of the SDK that remembers the stack:
//! `throw "no"` becomes `throw palisadeThrows(), "no"`, of the same value. What is made by `new`
//! knows its place itself and stays as it is, and so does whatever is not certain to be a statement.

/// What is put before the value; the SDK's `globals.js` has the function.
const REMEMBER: &str = "palisadeThrows(), ";

/// The module with all of its lines where they were.
pub(super) fn remembering(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for word in Words::of(text) {
        if word.text == "throw" && is_statement(text, &word) {
            let end = word.at + word.text.len() + 1;
            out.push_str(&text[copied..end]);
            out.push_str(REMEMBER);
            copied = end;
        }
    }
    out + &text[copied..]
}

/// The line of each `async` function, of which nobody awaits what it returns.
pub(super) fn async_lines(text: &str) -> Vec<usize> {
    let starts = |word: &Word| {
        let rest = text[word.at + word.text.len()..].trim_start_matches([' ', '\t']);
        let begins = |c: char| c == '(' || c == '*' || is_name(c);
        word.text == "async" && word.before != Some('.') && rest.starts_with(begins)
    };
    let found = Words::of(text).filter(starts);
    found
        .map(|word| text[..word.at].matches('\n').count() + 1)
        .collect()
}

/// Whether a `throw` begins a statement whose value stands on the same line and is not made by `new`.
fn is_statement(text: &str, word: &Word) -> bool {
    let rest = &text[word.at + word.text.len()..];
    let Some(value) = rest.strip_prefix([' ', '\t']) else {
        return false;
    };
    let value = value.trim_start_matches([' ', '\t']);
    let is_new = value
        .strip_prefix("new")
        .is_some_and(|rest| !rest.starts_with(is_name));
    let begins = |c: char| is_name(c) || matches!(c, '"' | '\'' | '`' | '{' | '[');
    word.before != Some('.') && !is_new && value.starts_with(begins)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// A name, a keyword or a number of a script.
pub(super) struct Word<'t> {
    pub(super) at: usize,
    pub(super) text: &'t str,
    /// The last character before it that is neither space nor comment.
    pub(super) before: Option<char>,
}

/// The words of a script, without what texts, templates, comments and regular expressions hold;
/// what a template inserts counts.
pub(super) struct Words<'t> {
    text: &'t str,
    at: usize,
    before: Option<char>,
    /// The last word, as long as nothing but space came after it.
    last: &'t str,
    /// For each template that is open, how many braces are open in what it inserts.
    templates: Vec<usize>,
}

impl<'t> Words<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            before: None,
            last: "",
            templates: Vec::new(),
        }
    }

    /// Passes over a text in quotes, of which the first is before `at`.
    fn quoted(&mut self, quote: u8) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if *byte == quote || *byte == b'\n' {
                break;
            }
        }
        self.at = self.at.min(bytes.len());
    }

    /// Passes over the text of a template up to its end, or to what it inserts.
    fn template(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => break,
                b'$' if bytes.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    self.templates.push(0);
                    break;
                }
                _ => {}
            }
        }
        self.at = self.at.min(bytes.len());
    }

    /// Passes over a regular expression, whose first slash is before `at`.
    fn expression(&mut self) {
        let bytes = self.text.as_bytes();
        let mut in_class = false;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                b'\n' => break,
                _ => {}
            }
        }
        self.at = self.at.min(bytes.len());
    }

    /// Whether a slash begins a regular expression: a value cannot stand before it.
    fn begins_expression(&self) -> bool {
        const KEYWORDS: [&str; 12] = [
            "return",
            "typeof",
            "case",
            "in",
            "of",
            "delete",
            "void",
            "throw",
            "new",
            "do",
            "else",
            "instanceof",
        ];
        match self.before {
            None => true,
            Some(c) if is_name(c) => KEYWORDS.contains(&self.last),
            Some(c) => !matches!(c, ')' | ']' | '}' | '"' | '\'' | '`'),
        }
    }
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            if is_name(first) {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                let (text, _) = rest.split_at(length);
                let word = Word {
                    at: self.at,
                    text,
                    before: self.before,
                };
                self.at += length;
                self.before = text.chars().last();
                self.last = text;
                return Some(word);
            }
            self.at += first.len_utf8();
            if first.is_whitespace() {
                continue;
            }
            if let Some(comment) = rest.strip_prefix("//") {
                let end = comment.find('\n').unwrap_or(comment.len());
                self.at += 1 + end;
                continue;
            }
            if let Some(comment) = rest.strip_prefix("/*") {
                let end = comment.find("*/").map_or(comment.len(), |end| end + 2);
                self.at += 1 + end;
                continue;
            }
            match first {
                '"' | '\'' => self.quoted(first as u8),
                '`' => self.template(),
                '/' if self.begins_expression() => self.expression(),
                '{' => {
                    if let Some(open) = self.templates.last_mut() {
                        *open += 1;
                    }
                }
                '}' => match self.templates.last_mut() {
                    Some(0) => {
                        self.templates.pop();
                        self.template();
                    }
                    Some(open) => *open -= 1,
                    None => {}
                },
                _ => {}
            }
            self.before = Some(first);
            self.last = "";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thrown_and_is_not_new_is_remembered_and_all_else_stays() {
        for (text, remembered) in [
            ("throw 'no';", "throw palisadeThrows(), 'no';"),
            (
                "if (a) throw { b: 1 }",
                "if (a) throw palisadeThrows(), { b: 1 }",
            ),
            ("a / b / 2; throw c", "a / b / 2; throw palisadeThrows(), c"),
            ("throw\tnews", "throw\tpalisadeThrows(), news"),
            (
                "`${() => { throw `a` }} throw b`",
                "`${() => { throw palisadeThrows(), `a` }} throw b`",
            ),
            (
                "x = /[/'] throw a/; throw undefined",
                "x = /[/'] throw a/; throw palisadeThrows(), undefined",
            ),
            ("return /throw a/", "return /throw a/"),
            (
                "(1) / 2; throw a // throw b",
                "(1) / 2; throw palisadeThrows(), a // throw b",
            ),
        ] {
            assert_eq!(remembering(text), remembered);
        }
        for same in [
            "throw new Error('throw a')",
            "throw  new (f())()",
            "a.throw b",
            "generator.throw (b)",
            "class A { throw (a) { } }",
            "({ throw : 1 })",
            "\"\\\" throw a\"",
            "/* throw a */ // throw b",
            "rethrow a; throw_ b; $throw c",
            "throw",
            "throw ",
            "'unfinished throw a",
            "`unfinished ${ throw",
            "/unfinished throw a\\",
            "'\\",
        ] {
            assert_eq!(remembering(same), same);
        }
    }

    #[test]
    fn async_functions_are_found_by_their_lines() {
        let text = "// async function a() {}\nasync function b() {}\nconst c = async () => 'async d()';\n\
                    ({ async e() {}, async: 1, f: async g => g });\nx.async (1);";
        assert_eq!(async_lines(text), [2, 3, 4, 4]);
        assert_eq!(async_lines("const async = 1; async + 1"), [0; 0]);
    }
}
