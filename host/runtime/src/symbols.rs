//! Functions, files and lines of a backtrace, from a debug file.
//!
//! A debug file is a core module as its compiler made it: the code that a component contains,
//! with names and DWARF, which the component does not carry. Whether it belongs to the
//! component, its code says: the code sections must be the same byte for byte. It is read when
//! the first fault needs it, and like any file it may be hostile: what it can make this host
//! do is linear in its size, and bounded; what is wrong in it is as if it were not there.

mod held;
mod inlined;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use gimli::{DebugLineOffset, Dwarf, EndianSlice, Format, LittleEndian, Section as _};
use palisade_events::Digest;
use wasmparser::{KnownCustom, Name, Parser, Payload};

use crate::fault::MAX_NAME;
use held::Held;
use inlined::Inlined;
use palisade_events::plain;

/// The largest debug file that is read, in bytes.
pub const MAX_DEBUG_FILE: u64 = 32 << 20;
/// The most that is kept of a debug file; what comes later in it is not looked at.
const MAX_ROWS: usize = 1 << 20;
const MAX_FUNCTIONS: usize = 1 << 17;
const MAX_FILES: usize = 1 << 16;
/// The most functions that one frame stands for.
const MAX_INLINED: usize = 16;
/// The most bytes that are kept of a name.
const MAX_NAME_BYTES: usize = 4 * MAX_NAME;
/// Bytes that a name takes beside its text: its place in a map and what allocating it costs.
const NAMED: usize = 64;
/// The most bytes of names that are looked at, since many may refer to one long name.
const MAX_TEXT: usize = 32 << 20;

/// What names the frames of one component's faults.
pub struct Symbols {
    modules: Vec<Code>,
    read: Box<dyn Fn() -> Option<Vec<u8>> + Send + Sync>,
    table: OnceLock<Option<Table>>,
    all: bool,
    interpreter: bool,
}

/// The code section of a core module in a component.
struct Code {
    at: Range<usize>,
    digest: Digest,
}

/// What a debug file says.
#[derive(Default)]
struct Table {
    /// Where the code that it speaks of lies in the component.
    code: Range<usize>,
    /// Names by the index of the function, mangled.
    functions: HashMap<u32, String>,
    files: Vec<Arc<str>>,
    rows: Vec<Row>,
    /// In ascending order of where they begin.
    sequences: Vec<Sequence>,
    inlined: Inlined,
    /// The room that all of this takes.
    held: Option<Held>,
}

/// A place in the source; what is not known is empty or 0.
struct Place {
    file: Arc<str>,
    line: u32,
    column: u32,
}

/// Rows of code without a gap: each speaks of what lies from its address to that of the next.
struct Sequence {
    addresses: Range<u64>,
    /// Places in the table's rows.
    rows: Range<u32>,
}

struct Row {
    address: u64,
    file: u32,
    line: u32,
    column: u32,
}

impl Symbols {
    /// For this component, from the debug file that `read` returns when it is first needed.
    pub fn new(
        component: &[u8],
        read: impl Fn() -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Symbols {
        Symbols {
            modules: codes(component),
            read: Box::new(read),
            table: OnceLock::new(),
            all: false,
            interpreter: false,
        }
    }

    /// For a component that says of itself, in its `producers` section, that it was written in
    /// JavaScript: its frames are those of an interpreter, which say nothing of the script.
    pub fn of_interpreter(component: &[u8]) -> Option<Symbols> {
        is_script(component).then(|| Symbols {
            modules: Vec::new(),
            read: Box::new(|| None),
            table: OnceLock::new(),
            all: false,
            interpreter: true,
        })
    }

    pub(crate) fn is_interpreter(&self) -> bool {
        self.interpreter
    }

    /// The same, and faults show every frame: also those of the SDK and of standard libraries,
    /// which are only counted otherwise.
    pub fn with_all_frames(mut self) -> Symbols {
        self.all = true;
        self
    }

    pub(crate) fn shows_all(&self) -> bool {
        self.all
    }

    /// The functions that a frame stands for, innermost first, with file and line as far as they
    /// are known, by the index of the function in its module and where in the component the frame
    /// stands. Empty where nothing is known.
    pub(crate) fn frames(&self, function: u32, at: usize) -> Vec<String> {
        let table = self.table.get_or_init(|| {
            let _alone = held::alone();
            let file = (self.read)()?;
            let mut table = Table::read(&file, &self.modules)?;
            table.held = Some(Held::take(table.size())?);
            Some(table)
        });
        let table = table.as_ref();
        table.map_or_else(Vec::new, |table| table.frames(function, at))
    }
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").finish_non_exhaustive()
    }
}

/// Whether a `producers` section at the top names the language JavaScript.
fn is_script(component: &[u8]) -> bool {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 1 => {
                let KnownCustom::Producers(fields) = section.as_known() else {
                    continue;
                };
                let languages = fields
                    .into_iter()
                    .map_while(Result::ok)
                    .filter(|field| field.name == "language");
                let mut values = languages.flat_map(|field| field.values.into_iter());
                if values.any(|value| value.is_ok_and(|value| value.name == "JavaScript")) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The code sections of a component or a module; none of what cannot be parsed.
fn codes(bytes: &[u8]) -> Vec<Code> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let ranges = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionStart { range, .. } => Some(range),
        _ => None,
    });
    ranges
        .filter_map(|at| {
            let digest = Digest::of(bytes.get(at.clone())?);
            Some(Code { at, digest })
        })
        .collect()
}

impl Table {
    /// Reads a debug file; `None` when it belongs to none of these modules.
    fn read(file: &[u8], modules: &[Code]) -> Option<Table> {
        let [own] = &codes(file)[..] else {
            return None;
        };
        let module = modules.iter().find(|code| code.digest == own.digest)?;
        let mut table = Table {
            code: module.at.clone(),
            ..Table::default()
        };
        let mut sections: HashMap<&str, &[u8]> = HashMap::new();
        for payload in Parser::new(0).parse_all(file) {
            let Ok(payload) = payload else { break };
            let Payload::CustomSection(section) = payload else {
                continue;
            };
            if let KnownCustom::Name(names) = section.as_known() {
                for part in names.into_iter().map_while(Result::ok) {
                    if let Name::Function(names) = part {
                        let left = MAX_FUNCTIONS.saturating_sub(table.functions.len());
                        let named = names.into_iter().map_while(Result::ok).take(left);
                        table
                            .functions
                            .extend(named.map(|n| (n.index, short(n.name.as_bytes()))));
                    }
                }
            } else if section.name().starts_with(".debug_") {
                sections.insert(section.name(), section.data());
            }
        }
        let dwarf = Dwarf::load(|id| -> gimli::Result<_> {
            let data = sections.get(id.name()).copied().unwrap_or_default();
            Ok(EndianSlice::new(data, LittleEndian))
        });
        if let Ok(dwarf) = dwarf {
            let mut texts = Texts {
                dwarf: &dwarf,
                left: MAX_TEXT,
            };
            // What comes before something wrong counts.
            let _ = table.lines(&mut texts, (own.at.end - own.at.start) as u64);
            table.inlined = Inlined::read(&mut texts);
        }
        table
            .sequences
            .sort_by_key(|sequence| sequence.addresses.start);
        Some(table)
    }

    /// Bytes that it holds, about.
    fn size(&self) -> usize {
        let functions = self.functions.values();
        let functions = functions.map(|name| name.capacity() + NAMED).sum::<usize>();
        let files = self.files.iter().map(|file| file.len() + NAMED);
        functions
            + files.sum::<usize>()
            + self.rows.capacity() * size_of::<Row>()
            + self.sequences.capacity() * size_of::<Sequence>()
            + self.inlined.size()
    }

    /// Takes over the line programs, one after another as they lie in their section, so that
    /// none is read twice, whoever refers to it.
    fn lines(&mut self, texts: &mut Texts<'_, '_>, code: u64) -> gimli::Result<()> {
        let dwarf = texts.dwarf;
        let length = dwarf.debug_line.reader().len();
        let mut at = 0;
        let mut left = MAX_ROWS;
        while at < length {
            let program = dwarf
                .debug_line
                .program(DebugLineOffset(at), 4, None, None)?;
            let header = program.header();
            let lead = match header.format() {
                Format::Dwarf32 => 4,
                Format::Dwarf64 => 12,
            };
            at = at.saturating_add(lead).saturating_add(header.unit_length());
            // Files of this program, as numbered there, by their place in `self.files`.
            let mut files: HashMap<u64, u32> = HashMap::new();
            let mut from = self.rows.len();
            let mut program = program.rows();
            while let Some((header, row)) = program.next_row()? {
                if row.end_sequence() {
                    self.sequence(from, row.address(), code);
                    from = self.rows.len();
                    continue;
                }
                left = match left.checked_sub(1) {
                    Some(left) => left,
                    None => return Ok(()),
                };
                let number = row.file_index();
                let file = *files.entry(number).or_insert_with(|| {
                    let name = texts.file(header, number).unwrap_or_default();
                    self.file(name)
                });
                self.rows.push(Row {
                    address: row.address(),
                    file,
                    line: row.line().map_or(0, |line| clamped(line.get())),
                    column: match row.column() {
                        gimli::ColumnType::LeftEdge => 0,
                        gimli::ColumnType::Column(column) => clamped(column.get()),
                    },
                });
            }
        }
        Ok(())
    }

    fn file(&mut self, name: String) -> u32 {
        // Compilers name a file once a program; what a program does beyond that is its loss.
        if self.files.len() == MAX_FILES {
            return u32::MAX;
        }
        self.files.push(name.into());
        (self.files.len() - 1) as u32
    }

    /// Keeps the rows from a place on as a sequence, unless they speak of a function that the
    /// linker left out, to which it gives an address that code does not have.
    fn sequence(&mut self, from: usize, end: u64, code: u64) {
        let rows = &self.rows[from..];
        let Some(first) = rows.first() else { return };
        let addresses = first.address..end;
        let rising = rows
            .windows(2)
            .all(|pair| pair[0].address <= pair[1].address);
        if addresses.start > 0 && addresses.start < end && end <= code && rising {
            // There are at most `MAX_ROWS`.
            let rows = from as u32..self.rows.len() as u32;
            self.sequences.push(Sequence { addresses, rows });
        } else {
            self.rows.truncate(from);
        }
    }

    fn frames(&self, function: u32, at: usize) -> Vec<String> {
        if !self.code.contains(&at) {
            return Vec::new();
        }
        let address = (at - self.code.start) as u64;
        let mut place = self.place(address);
        let unknown = || format!("function {function}");
        let mut functions = self.inlined.at(address, MAX_INLINED);
        if functions.is_empty() {
            functions.push((None, None));
        }
        let outermost = functions.len() - 1;
        let mut frames = Vec::with_capacity(functions.len());
        for (depth, (name, called)) in functions.into_iter().enumerate() {
            let own = self.functions.get(&function).map(String::as_str);
            // The module knows its functions by their whole names.
            let name = if depth == outermost {
                own.or(name)
            } else {
                name
            };
            let name = name.map_or_else(unknown, demangled);
            frames.push(match place.take() {
                Some(place) => format!("{name} at {place}"),
                None => format!("{name} at {at:#x}"),
            });
            place = called.and_then(Place::shown);
        }
        frames
    }

    /// `file:line:column` of an address.
    fn place(&self, address: u64) -> Option<String> {
        let after = self
            .sequences
            .partition_point(|sequence| sequence.addresses.start <= address);
        let sequence = self.sequences.get(after.checked_sub(1)?)?;
        if !sequence.addresses.contains(&address) {
            return None;
        }
        let rows = self
            .rows
            .get(sequence.rows.start as usize..sequence.rows.end as usize)?;
        let after = rows.partition_point(|row| row.address <= address);
        let row = rows.get(after.checked_sub(1)?)?;
        let place = Place {
            file: self.files.get(row.file as usize)?.clone(),
            line: row.line,
            column: row.column,
        };
        place.shown()
    }
}

impl Place {
    /// `file:line:column`; nothing for code that stands for no line.
    fn shown(&self) -> Option<String> {
        let Place { file, line, column } = self;
        (*line > 0 && !file.is_empty()).then(|| match column {
            0 => format!("{file}:{line}"),
            column => format!("{file}:{line}:{column}"),
        })
    }
}

fn clamped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A name for a person, without the hash that compilers give it.
fn demangled(name: &str) -> String {
    plain(&format!("{:#}", rustc_demangle::demangle(name)), MAX_NAME)
}

/// The beginning of a text.
fn short(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The texts of a debug file, as long as not too much is asked for.
struct Texts<'a, 'd> {
    dwarf: &'d Dwarf<Slice<'a>>,
    left: usize,
}

impl<'a> Texts<'a, '_> {
    /// The beginning of a text.
    fn take(&mut self, text: gimli::Result<Slice<'a>>) -> Option<String> {
        let text = text.ok()?.slice();
        self.left = self.left.checked_sub(text.len())?;
        Some(short(text))
    }

    /// The path of a file of a line program, without the folder that the compiler ran in.
    fn file(
        &mut self,
        header: &gimli::LineProgramHeader<Slice<'a>>,
        number: u64,
    ) -> Option<String> {
        let dwarf = self.dwarf;
        let file = header.file(number)?;
        let name = self.take(dwarf.attr_line_string(file.path_name()))?;
        let folder = match file.directory_index() {
            0 => None,
            _ => file.directory(header),
        };
        let folder = folder.and_then(|folder| self.take(dwarf.attr_line_string(folder)));
        let path = match folder {
            Some(folder) if !name.starts_with('/') => format!("{folder}/{name}"),
            _ => name,
        };
        // The standard library, which names the commit that it was built from.
        let path = match path.strip_prefix("/rustc/").and_then(|p| p.split_once('/')) {
            Some((_, path)) => path.to_owned(),
            None => path,
        };
        // The end of a path says more than its beginning.
        let long = path.chars().count().saturating_sub(MAX_NAME);
        let end: String = path.chars().skip(long).collect();
        Some(plain(&end, MAX_NAME))
    }
}
