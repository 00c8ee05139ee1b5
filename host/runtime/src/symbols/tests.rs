//! Debug files that are larger than what is looked at of them.

use wasm_encoder::{
    CodeSection, Function, FunctionSection, Module, NameMap, NameSection, TypeSection,
};

use super::inlined::Function as Inlining;
use super::*;

/// Sections of a debug file, in DWARF 4.
#[derive(Default)]
struct Sections {
    abbreviations: Vec<u8>,
    units: Vec<u8>,
    lines: Vec<u8>,
    ranges: Vec<u8>,
}

impl Sections {
    /// With abbreviations: 1 a unit, 2 a function, 3 a function with ranges, 4 a block with 1,023
    /// attributes that take no bytes, 5 a unit with lines.
    fn new(units: Vec<u8>) -> Sections {
        let mut abbreviations = vec![1, 0x11, 1, 0, 0, 2, 0x2e, 0, 0, 0];
        abbreviations.extend([3, 0x2e, 0, 0x55, 0x17, 0, 0, 4, 0x0b, 0]);
        abbreviations.extend([0x3f, 0x19].repeat(1023));
        abbreviations.extend([0, 0, 5, 0x11, 1, 0x10, 0x17, 0, 0, 0]);
        Sections {
            abbreviations,
            units,
            ..Sections::default()
        }
    }

    fn read<T>(&self, read: impl FnOnce(&mut Texts<'_, '_>) -> T) -> T {
        let dwarf = Dwarf::load(|id| -> gimli::Result<_> {
            let section = match id {
                gimli::SectionId::DebugAbbrev => &self.abbreviations[..],
                gimli::SectionId::DebugInfo => &self.units,
                gimli::SectionId::DebugLine => &self.lines,
                gimli::SectionId::DebugRanges => &self.ranges,
                _ => &[],
            };
            Ok(EndianSlice::new(section, LittleEndian))
        });
        let dwarf = dwarf.unwrap();
        read(&mut Texts {
            dwarf: &dwarf,
            left: MAX_TEXT,
        })
    }

    /// How many functions and ranges are kept of them.
    fn kept(&self) -> (usize, usize) {
        let inlined = self.read(Inlined::read);
        (inlined.functions.len(), inlined.ranges.len())
    }
}

/// A unit with these entries, the first of which is its own.
fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = (entries.len() as u32 + 7).to_le_bytes().to_vec();
    unit.extend([4, 0, 0, 0, 0, 0, 4]);
    unit.extend(entries);
    unit
}

/// A program of lines whose header is so long.
fn program(header: u32, steps: &[u8]) -> Vec<u8> {
    let mut program = (header + 6 + steps.len() as u32).to_le_bytes().to_vec();
    program.extend([4, 0]);
    program.extend(header.to_le_bytes());
    // The first special step is 13, and stays where it is.
    program.extend([1, 1, 1, 0, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    program.resize(10 + header as usize, 0);
    program.extend(steps);
    program
}

/// So many rows of a function at 1.
fn rows(count: usize) -> Vec<u8> {
    let mut steps = vec![0, 5, 2, 1, 0, 0, 0];
    steps.resize(7 + count, 13);
    steps.extend([2, 4, 0, 1, 1]);
    steps
}

#[test]
fn files_are_so_many_and_names_so_long() {
    assert_eq!(
        [1_024, 1_025].map(|length| short(&vec![b'x'; length]).len()),
        [1_024; 2]
    );
    let mut table = Table::default();
    for number in 0..65_536 {
        assert_eq!(table.file(String::new()), number);
    }
    assert_eq!(table.file(String::new()), u32::MAX);
    assert_eq!(table.files.len(), 65_536);
}

#[test]
fn of_names_32_mib_are_looked_at_however_often_one_is_named() {
    let long = vec![b'x'; 1 << 20];
    let none = |_| gimli::Result::Ok(EndianSlice::new(&[], LittleEndian));
    let mut texts = Texts {
        dwarf: &Dwarf::load(none).unwrap(),
        left: MAX_TEXT,
    };
    let mut take = || texts.take(Ok(EndianSlice::new(&long, LittleEndian)));
    assert!((0..32).all(|_| take().is_some()));
    assert_eq!(take(), None);
}

#[test]
fn lines_are_so_many_and_what_comes_later_is_left_out() {
    for (programs, kept) in [
        (vec![rows(1 << 20)], (1, 1 << 20)),
        (vec![rows((1 << 20) - 8), rows(8), rows(1)], (2, 1 << 20)),
        (vec![rows((1 << 20) + 1)], (0, 1 << 20)),
    ] {
        let mut sections = Sections::default();
        for steps in &programs {
            sections.lines.extend(program(40, steps));
        }
        let mut table = Table::default();
        let read = sections.read(|texts| table.lines(texts, 100));
        assert!(read.is_ok(), "{read:?}");
        assert_eq!((table.sequences.len(), table.rows.len()), kept);
    }
}

#[test]
fn functions_are_named_up_to_131_072() {
    for named in [1 << 17, (1 << 17) + 1] {
        let mut module = Module::new();
        let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
        types.ty().function([], []);
        functions.function(0);
        let (mut body, mut code) = (Function::new([]), CodeSection::new());
        body.instructions().end();
        code.function(&body);
        let (mut names, mut section) = (NameMap::new(), NameSection::new());
        (0..named).for_each(|index| names.append(index, "f"));
        section.functions(&names);
        module.section(&types).section(&functions).section(&code);
        module.section(&section);
        let file = module.finish();
        let table = Table::read(&file, &codes(&file)).unwrap();
        assert_eq!(table.functions.len(), 131_072);
    }
}

#[test]
fn units_functions_and_ranges_are_so_many() {
    let one = unit(&[1, 2, 0]);
    for (there, kept) in [(1024, 1024), (1025, 1024)] {
        assert_eq!(Sections::new(one.repeat(there)).kept(), (kept, 0));
    }
    for (there, kept) in [(1 << 18, 1 << 18), ((1 << 18) + 1, 1 << 18)] {
        let entries = [&[1][..], &vec![2; there], &[0]].concat();
        assert_eq!(Sections::new(unit(&entries)).kept(), (kept, 0));
    }
    for (there, kept) in [(1 << 19, (2, 1 << 19)), ((1 << 19) + 1, (1, 1 << 19))] {
        let mut sections = Sections::new(unit(&[1, 3, 0, 0, 0, 0, 2, 0]));
        sections.ranges = [1, 0, 0, 0, 2, 0, 0, 0].repeat(there);
        sections.ranges.extend([0; 8]);
        assert_eq!(sections.kept(), kept);
    }
}

#[test]
fn what_one_part_says_for_many_is_looked_at_so_often() {
    // One more attribute than there may be: the unit has one, and each block 1,024.
    for (blocks, kept) in [(8191, 1), (8192, 0)] {
        let entries = [&[1][..], &vec![4; blocks], &[2, 0]].concat();
        assert_eq!(Sections::new(unit(&entries)).kept(), (kept, 0));
    }
    for (padding, kept) in [(256 << 10, 1), ((256 << 10) + 1, 0)] {
        let mut sections = Sections::new(unit(&[1, 2, 0]));
        sections.abbreviations.resize(padding, 0);
        assert_eq!(sections.kept(), (kept, 0));
    }
    // Many units with one header of a mebibyte.
    let mut sections = Sections::new(unit(&[5, 0, 0, 0, 0, 2, 0]).repeat(40));
    sections.lines = program(1 << 20, &[]);
    assert_eq!(sections.kept(), (32, 0));
}

#[test]
fn a_frame_stands_for_16_functions_and_a_name_is_four_steps_away() {
    let mut table = Table {
        code: 0..100,
        ..Table::default()
    };
    for number in 0..20 {
        let function = Inlining {
            at: number,
            called: None,
        };
        table.inlined.functions.push(function);
        table.inlined.names.insert(number, format!("f{number}"));
        let deep = (1..10, number as isize, number as u32);
        table.inlined.ranges.push(deep);
    }
    let frames = table.frames(0, 5);
    assert_eq!(frames.len(), 16);
    assert!(frames[0].starts_with("f19 at ") && frames[15].starts_with("f4"));
    let mut inlined = Inlined {
        origins: (1..9).map(|at| (at, at + 1)).collect(),
        ..Inlined::default()
    };
    inlined.names.insert(9, "far".to_owned());
    assert_eq!([6, 5].map(|at| inlined.name(at)), [Some("far"), None]);
}
