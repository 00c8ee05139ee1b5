//! Zeek's logs in columns (TSV), as Zeek writes them by default, read by the same structs as
//! those in JSON.

mod escape;
mod row;

use std::borrow::Cow;

use escape::unescape;
pub(super) use row::Row;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::recover::names::{Names, Sensor};

/// Most columns of a log.
const MAX_COLUMNS: usize = 4096;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Type {
    /// `count`, `int`, `double`, `port`, `interval` and `time`: a number in JSON as well.
    Number,
    Bool,
    /// All else, which is text in JSON as well.
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Column {
    name: Box<str>,
    of: Type,
    /// Whether it holds a set or a vector.
    many: bool,
}

/// What the lines that begin with `#` say of the rows below them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    separator: Box<str>,
    set_separator: Box<str>,
    empty: Box<str>,
    unset: Box<str>,
    path: Option<Box<str>>,
    columns: Vec<Column>,
    /// Whether the types are there, one for each column.
    typed: bool,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".into(),
            set_separator: ",".into(),
            empty: "(empty)".into(),
            unset: "-".into(),
            path: None,
            columns: Vec::new(),
            typed: false,
        }
    }
}

impl Header {
    /// Whether one can have been read.
    pub(super) fn is_sound(&self) -> bool {
        let separators = [&self.separator, &self.set_separator];
        self.columns.len() <= MAX_COLUMNS && separators.iter().all(|text| !text.is_empty())
    }

    /// Takes in a line of the header. Those that it has no use for, such as `#open` and
    /// comments, change nothing.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Fault> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(separator) = line.strip_prefix("#separator") {
            // A header begins: that of the log before it, in the same stream, is done with.
            *self = Self::default();
            let separator = unescape(separator.trim_start_matches([' ', '\t']));
            if separator.is_empty() {
                return Err(Fault::header("#separator", "names no separator"));
            }
            self.separator = separator.into();
            return Ok(());
        }
        let mut parts = line.split(&*self.separator);
        let what = parts.next().unwrap_or_default();
        match what {
            "#set_separator" => {
                self.set_separator = unescape(&rest(line, what, &self.separator)).into();
                if self.set_separator.is_empty() {
                    self.set_separator = ",".into();
                    return Err(Fault::header("#set_separator", "names no separator"));
                }
            }
            "#empty_field" => self.empty = rest(line, what, &self.separator).into(),
            "#unset_field" => self.unset = rest(line, what, &self.separator).into(),
            "#path" => {
                let path = unescape(&rest(line, what, &self.separator)).into_owned();
                self.path = (!path.is_empty()).then(|| path.into());
            }
            "#fields" => {
                self.typed = false;
                let fields: Vec<Cow<'_, str>> = parts.map(unescape).collect();
                if fields.is_empty() || fields.len() > MAX_COLUMNS {
                    self.columns.clear();
                    return Err(Fault::header("#fields", "names no fields, or too many"));
                }
                let names = Names::of(Sensor::Zeek, fields.iter().map(|name| &**name));
                let column = |field: &Cow<'_, str>| Column {
                    name: names.canonical(field).into(),
                    of: Type::Text,
                    many: false,
                };
                self.columns = fields.iter().map(column).collect();
            }
            "#types" => {
                let mut types = parts;
                for (column, text) in self.columns.iter_mut().zip(&mut types) {
                    let inner = text.split_once('[').map(|(_, of)| of.trim_end_matches(']'));
                    column.many = inner.is_some();
                    column.of = match inner.unwrap_or(text) {
                        "count" | "int" | "double" | "port" | "interval" | "time" => Type::Number,
                        "bool" => Type::Bool,
                        _ => Type::Text,
                    };
                }
                let count = line.split(&*self.separator).count() - 1;
                self.typed = count == self.columns.len();
                if !self.typed {
                    return Err(Fault::header("#types", "has not one type for each field"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The log that the rows belong to, where the header says it.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether the header has a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| &*column.name == name)
    }

    /// The names of all fields, as Zeek has them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// Whether rows can be read.
    pub(super) fn is_whole(&self) -> bool {
        self.typed && !self.columns.is_empty()
    }
}

/// What stands behind the name of a line of a header.
fn rest(line: &str, what: &str, separator: &str) -> String {
    let rest = line.get(what.len()..).unwrap_or_default();
    rest.strip_prefix(separator).unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Header {
        let mut header = Header::default();
        for line in lines {
            header.line(line).unwrap();
        }
        header
    }

    fn json(header: &Header, line: &str) -> serde_json::Value {
        serde_json::from_str(&Row { header, line }.to_json()).unwrap()
    }

    #[test]
    fn values_by_type() {
        let header = header(&[
            r"#separator \x09",
            "#set_separator\t;",
            "#empty_field\tEMPTY",
            "#unset_field\t~",
            "#path\tx",
            "#open\t2025-01-01-00-00-00",
            "#fields\tts\tid_orig_h\tn\tf\tflag\tset\tnone\tgone\ttext\tints",
            "#types\ttime\taddr\tcount\tinterval\tbool\tset[string]\tvector[string]\tset[addr]\tstring\tvector[int]",
        ]);
        assert_eq!(header.path(), Some("x"));
        assert!(header.has("id.orig_h") && header.is_whole());
        let line = "1.5\t::1\t18446744073709551615\t0.25\tF\ta\\x3bb;~;c\tEMPTY\t~\tEMPTY\t-1;2";
        assert_eq!(
            json(&header, line),
            serde_json::json!({"ts": 1.5, "id.orig_h": "::1", "n": u64::MAX, "f": 0.25,
                "flag": false, "set": ["a;b", null, "c"], "none": [], "text": "", "ints": [-1, 2]})
        );
        assert_eq!(
            json(&header, &format!("{line}\r"))["ints"],
            serde_json::json!([-1, 2])
        );
    }

    #[test]
    fn a_log_has_4096_columns_and_no_more() {
        let fields = |count: usize| {
            let names: String = (0..count).map(|at| format!("\tf{at}")).collect();
            Header::default().line(&format!("#fields{names}"))
        };
        assert!(fields(MAX_COLUMNS).is_ok());
        let refused = fields(MAX_COLUMNS + 1).unwrap_err().to_string();
        assert!(refused.contains("or too many"), "{refused}");
    }

    #[test]
    fn rows_that_do_not_fit_their_header_are_told() {
        let header = header(&["#fields\ta\tb", "#types\tstring\tstring"]);
        for (line, there) in [("1", 1), ("1\t2\t3", 3), ("", 1)] {
            let error = Row {
                header: &header,
                line,
            }
            .read(std::marker::PhantomData::<serde::de::IgnoredAny>)
            .unwrap_err();
            let says =
                format!("the row has {there} values, and the header above it names 2 fields");
            assert_eq!(error.to_string(), says);
        }
        let mut torn = Header::default();
        assert!(torn.line("#fields").is_err());
        torn.line("#fields\ta\tb").unwrap();
        assert!(torn.line("#types\tstring").is_err() && !torn.is_whole());
        assert!(torn.line("#separator ").is_err());
    }
}
