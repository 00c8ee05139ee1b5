//! Which functions of the source an address belongs to: compilers put most of them into others.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use gimli::{AttributeValue, Dwarf, Reader as _, Unit};

use super::{NAMED, Place, Slice, Texts, clamped};

/// The most that is looked at of a debug file, so that parts to which many refer cost no more
/// than their share.
const MAX_UNITS: usize = 1024;
const MAX_ABBREVIATIONS: usize = 256 << 10;
const MAX_HEADERS: usize = 32 << 20;
const MAX_ATTRIBUTES: usize = 8 << 20;
const MAX_RANGES: usize = 1 << 19;
const MAX_FUNCTIONS: usize = 1 << 18;
/// How far a name is looked for.
const MAX_ORIGINS: usize = 4;

/// Functions by their code.
#[derive(Default)]
pub(super) struct Inlined {
    /// Code with the function that it is of and how deep that lies in others.
    pub(super) ranges: Vec<(Range<u64>, isize, u32)>,
    pub(super) functions: Vec<Function>,
    /// Names by where in the debug file they are told, mangled.
    pub(super) names: HashMap<usize, String>,
    /// Where to look for a name instead.
    pub(super) origins: HashMap<usize, usize>,
}

/// A function, or where one was put into another.
pub(super) struct Function {
    pub(super) at: usize,
    /// Where it was called, of one that was put into another.
    pub(super) called: Option<Place>,
}

/// What is left to be looked at.
struct Budget {
    units: usize,
    headers: usize,
    attributes: usize,
    ranges: usize,
}

/// Takes from a budget; `None` when it is used up.
fn spend(budget: &mut usize, amount: usize) -> Option<()> {
    *budget = budget.checked_sub(amount)?;
    Some(())
}

impl Inlined {
    /// Reads the functions of a debug file, up to what is wrong in it.
    pub(super) fn read(texts: &mut Texts<'_, '_>) -> Inlined {
        use gimli::Section as _;
        let dwarf = texts.dwarf;
        let mut all = Inlined::default();
        if dwarf.debug_abbrev.reader().len() > MAX_ABBREVIATIONS {
            return all;
        }
        let mut budget = Budget {
            units: MAX_UNITS,
            headers: MAX_HEADERS,
            attributes: MAX_ATTRIBUTES,
            ranges: MAX_RANGES,
        };
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            if spend(&mut budget.units, 1).is_none() {
                break;
            }
            let Ok(unit) = dwarf.unit(header) else {
                continue;
            };
            if all.unit(texts, &unit, &mut budget).is_none() {
                break;
            }
        }
        all.ranges
            .sort_by_key(|(range, depth, _)| (range.start, *depth));
        all
    }

    /// Bytes that it holds, about.
    pub(super) fn size(&self) -> usize {
        let names = self.names.values().map(|name| name.capacity() + NAMED);
        let files = self.functions.iter().filter_map(|f| f.called.as_ref());
        names.sum::<usize>()
            // Where a file is shared by several, it counts for each.
            + files.map(|place| place.file.len()).sum::<usize>()
            + self.ranges.capacity() * size_of::<(Range<u64>, isize, u32)>()
            + self.functions.capacity() * size_of::<Function>()
            + self.origins.capacity() * size_of::<(usize, usize)>()
    }

    /// Reads one unit; `None` when the budget is used up or nothing more can be read.
    fn unit<'a>(
        &mut self,
        texts: &mut Texts<'a, '_>,
        unit: &Unit<Slice<'a>>,
        budget: &mut Budget,
    ) -> Option<()> {
        let dwarf = texts.dwarf;
        if let Some(program) = &unit.line_program {
            spend(&mut budget.headers, program.header().header_length())?;
        }
        let base = match unit.header.debug_info_offset() {
            Some(offset) => offset.0,
            None => return Some(()),
        };
        let mut files = HashMap::new();
        let mut entries = unit.entries_raw(None).ok()?;
        while !entries.is_empty() {
            let (at, depth) = (base + entries.next_offset().0, entries.next_depth());
            // None stands for the end of an entry's children.
            let Some(abbreviation) = entries.read_abbreviation().ok()? else {
                continue;
            };
            let tag = abbreviation.tag();
            let specs = abbreviation.attributes();
            spend(&mut budget.attributes, specs.len() + 1)?;
            if tag != gimli::DW_TAG_subprogram && tag != gimli::DW_TAG_inlined_subroutine {
                entries.skip_attributes(specs).ok()?;
                continue;
            }
            let mut entry = Entry::default();
            for spec in specs {
                let attribute = entries.read_attribute(*spec).ok()?;
                entry.note(attribute.name(), attribute.value(), base);
            }
            if let Some(name) = entry.linkage_name.or(entry.name)
                && let Some(name) = texts.take(dwarf.attr_string(unit, name))
            {
                self.names.insert(at, name);
            }
            if let Some(origin) = entry.origin {
                self.origins.insert(at, origin);
            }
            let called = (tag == gimli::DW_TAG_inlined_subroutine).then(|| {
                let header = unit.line_program.as_ref().map(|program| program.header());
                let file = files.entry(entry.file).or_insert_with(|| {
                    let name = header.and_then(|header| texts.file(header, entry.file));
                    Arc::from(name.unwrap_or_default())
                });
                Place {
                    file: Arc::clone(file),
                    line: entry.line,
                    column: entry.column,
                }
            });
            if self.functions.len() == MAX_FUNCTIONS {
                return None;
            }
            let number = self.functions.len() as u32;
            self.functions.push(Function { at, called });
            self.code(dwarf, unit, &entry, (depth, number), budget)?;
        }
        Some(())
    }

    /// Takes over where the code of a function lies.
    fn code(
        &mut self,
        dwarf: &Dwarf<Slice<'_>>,
        unit: &Unit<Slice<'_>>,
        entry: &Entry<'_>,
        (depth, number): (isize, u32),
        budget: &mut Budget,
    ) -> Option<()> {
        if let Some(ranges) = entry.ranges {
            let Ok(Some(mut ranges)) = dwarf.attr_ranges(unit, ranges) else {
                return Some(());
            };
            while let Ok(Some(range)) = ranges.next() {
                spend(&mut budget.ranges, 1)?;
                self.ranges.push((range.begin..range.end, depth, number));
            }
            return Some(());
        }
        let low = entry
            .low
            .and_then(|low| dwarf.attr_address(unit, low).ok()?);
        if let (Some(low), Some(high)) = (low, entry.high) {
            let end = match high {
                AttributeValue::Udata(length) => low.saturating_add(length),
                other => match (other.udata_value(), dwarf.attr_address(unit, other)) {
                    (Some(length), _) => low.saturating_add(length),
                    (None, Ok(Some(end))) => end,
                    _ => return Some(()),
                },
            };
            spend(&mut budget.ranges, 1)?;
            self.ranges.push((low..end, depth, number));
        }
        Some(())
    }

    /// The functions that an address belongs to, innermost first, each with where it was called;
    /// the last stands by itself.
    pub(super) fn at(&self, address: u64, most: usize) -> Vec<(Option<&str>, Option<&Place>)> {
        let mut found: Vec<(isize, u32)> = self
            .ranges
            .iter()
            // What the linker left out has an address that no code has.
            .filter(|(range, _, _)| range.start > 0 && range.contains(&address))
            .map(|(_, depth, number)| (*depth, *number))
            .collect();
        found.sort_unstable();
        found.dedup_by_key(|(depth, _)| *depth);
        let functions = found.iter().rev().take(most).filter_map(|(_, number)| {
            let function = self.functions.get(*number as usize)?;
            Some((self.name(function.at), function.called.as_ref()))
        });
        functions.collect()
    }

    pub(super) fn name(&self, at: usize) -> Option<&str> {
        let mut at = at;
        for _ in 0..MAX_ORIGINS {
            if let Some(name) = self.names.get(&at) {
                return Some(name);
            }
            at = *self.origins.get(&at)?;
        }
        None
    }
}

/// What matters of an entry.
#[derive(Default)]
struct Entry<'a> {
    name: Option<AttributeValue<Slice<'a>>>,
    linkage_name: Option<AttributeValue<Slice<'a>>>,
    origin: Option<usize>,
    low: Option<AttributeValue<Slice<'a>>>,
    high: Option<AttributeValue<Slice<'a>>>,
    ranges: Option<AttributeValue<Slice<'a>>>,
    file: u64,
    line: u32,
    column: u32,
}

impl<'a> Entry<'a> {
    fn note(&mut self, name: gimli::DwAt, value: AttributeValue<Slice<'a>>, base: usize) {
        let number = || value.udata_value().unwrap_or_default();
        match name {
            gimli::DW_AT_name => self.name = Some(value),
            gimli::DW_AT_linkage_name => self.linkage_name = Some(value),
            gimli::DW_AT_low_pc => self.low = Some(value),
            gimli::DW_AT_high_pc => self.high = Some(value),
            gimli::DW_AT_ranges => self.ranges = Some(value),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                self.origin = match value {
                    AttributeValue::UnitRef(offset) => base.checked_add(offset.0),
                    AttributeValue::DebugInfoRef(offset) => Some(offset.0),
                    _ => None,
                };
            }
            gimli::DW_AT_call_file => {
                self.file = match value {
                    AttributeValue::FileIndex(file) => file,
                    _ => number(),
                };
            }
            gimli::DW_AT_call_line => self.line = clamped(number()),
            gimli::DW_AT_call_column => self.column = clamped(number()),
            _ => {}
        }
    }
}
