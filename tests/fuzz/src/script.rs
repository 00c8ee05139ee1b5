//! Core modules that do what a plugin does: call the host with arguments that are mostly right,
//! and return what mostly has the right form. Code at random hardly ever gets as far.
//!
//! The memory holds texts that mean something to the manifests, row numbers, and records of
//! words that the fuzzer chooses among pointers into that memory, lengths and small numbers.

use arbitrary::{Result, Unstructured};
use palisade_events::FieldId;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, Function, GlobalSection, GlobalType, MemorySection,
    MemoryType, Module, RawSection, SectionId, ValType,
};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef};

/// Texts of the memory, from here on, one behind another.
const TEXTS: u32 = 16;
/// Little-endian numbers from 0 up, 32 bits each: rows, or the bytes of a value.
const ROWS: u32 = 2048;
const ROW_COUNT: u32 = 64;
/// Records of words.
const RECORDS: u32 = 4096;
const WORDS: u32 = 512;
/// What the host writes into a guest, from here on.
const HEAP: i32 = 16 << 10;
/// Pages of the memory.
const PAGES: u64 = 4;
/// The most calls of an export.
const CALLS: u8 = 12;

const SAID: [&str; 18] = [
    "hostile-1",
    "hostile-p1",
    "address:10.0.0.1",
    "domain:a.example",
    "10.0.0.1",
    "a.example",
    "operation",
    "protocol",
    "key",
    "bad \u{202e}\u{7}",
    "\u{4e2d}\u{6587}",
    "vendor",
    "P1D",
    "2025-06-01T10:00:00Z",
    "",
    "CVE-2025-0001",
    "severity",
    "text",
];
const FIELDS: [&str; 12] = [
    "src.ip",
    "dst.ip",
    "dst.port",
    "phase",
    "bytes-out",
    "qname",
    "answers.rdata",
    "rcode",
    "qtype",
    "time",
    "request",
    "operation",
];

/// What a module is made of.
struct Shape<'a> {
    types: Vec<FuncType>,
    /// Types of imported functions.
    imports: Vec<u32>,
    /// Types of the others.
    functions: Vec<u32>,
    /// Their names, where they are exported.
    names: Vec<Option<&'a str>>,
    raw: Vec<(u8, &'a [u8])>,
}

impl<'a> Shape<'a> {
    fn read(module: &'a [u8]) -> Option<Shape<'a>> {
        let mut shape = Shape {
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            names: Vec::new(),
            raw: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.ok()?;
            match &payload {
                Payload::TypeSection(types) => {
                    for ty in types.clone().into_iter_err_on_gc_types() {
                        shape.types.push(ty.ok()?);
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        if let TypeRef::Func(ty) = import.ok()?.ty {
                            shape.imports.push(ty);
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions.clone() {
                        shape.functions.push(ty.ok()?);
                    }
                    shape.names.resize(shape.functions.len(), None);
                }
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        let export = export.ok()?;
                        let own = (export.index as usize).checked_sub(shape.imports.len());
                        if export.kind == ExternalKind::Func
                            && let Some(name) = own.and_then(|own| shape.names.get_mut(own))
                        {
                            *name = Some(export.name);
                        }
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                shape.raw.push((id, module.get(range)?));
            }
        }
        Some(shape)
    }
}

/// A core module with the imports and exports of `module`, and bodies of the fuzzer's choice.
pub fn module(u: &mut Unstructured<'_>, module: &[u8]) -> Result<Vec<u8>> {
    let Some(shape) = Shape::read(module) else {
        return Err(arbitrary::Error::IncorrectFormat);
    };
    let mut code = CodeSection::new();
    for (own, ty) in shape.functions.iter().enumerate() {
        let ty = &shape.types[*ty as usize];
        let name = shape.names.get(own).copied().flatten().unwrap_or_default();
        code.function(&body(u, &shape, name, ty)?);
    }
    let mut out = Module::new();
    let mut data = Some(data(u)?);
    for id in [1, 2, 3, 5, 6, 7, 10, 11] {
        match id {
            5 => {
                let mut memories = MemorySection::new();
                memories.memory(MemoryType {
                    minimum: PAGES,
                    maximum: None,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
                out.section(&memories);
            }
            6 => {
                let mut globals = GlobalSection::new();
                let ty = GlobalType {
                    val_type: ValType::I32,
                    mutable: true,
                    shared: false,
                };
                globals.global(ty, &ConstExpr::i32_const(HEAP));
                out.section(&globals);
            }
            10 => {
                out.section(&code);
            }
            11 => {
                if let Some(data) = data.take() {
                    out.section(&data);
                }
            }
            _ => {
                for (_, data) in shape.raw.iter().filter(|(section, _)| *section == id) {
                    out.section(&RawSection { id, data });
                }
            }
        }
    }
    debug_assert_eq!(u8::from(SectionId::Data), 11);
    Ok(out.finish())
}

/// Where each text lies, and its length.
fn texts() -> Vec<(u32, u32)> {
    let mut at = TEXTS;
    SAID.iter()
        .map(|text| {
            let place = (at, text.len() as u32);
            at += text.len() as u32;
            place
        })
        .collect()
}

fn data(u: &mut Unstructured<'_>) -> Result<DataSection> {
    let mut data = DataSection::new();
    let mut active = |at: u32, bytes: Vec<u8>| {
        data.active(0, &ConstExpr::i32_const(at as i32), bytes);
    };
    active(TEXTS, SAID.concat().into_bytes());
    active(ROWS, (0..ROW_COUNT).flat_map(u32::to_le_bytes).collect());
    let texts = texts();
    let mut words: Vec<u32> = Vec::new();
    while words.len() < WORDS as usize && !u.is_empty() {
        match u.arbitrary::<u8>()? {
            choice @ 0..=79 => {
                let (at, length) = texts[usize::from(choice) % texts.len()];
                words.extend([at, length]);
            }
            choice @ 80..=119 => words.extend([ROWS, u32::from(choice) % 4]),
            choice @ 120..=149 => {
                let record = u32::from(choice) % 16 * 64;
                words.extend([RECORDS + record, u32::from(u.arbitrary::<u8>()?) % 4]);
            }
            choice @ 150..=219 => words.push(u32::from(choice) % 7),
            choice @ 220..=239 => words.push(field(usize::from(choice))),
            240..=249 => words.push(u.arbitrary::<u32>()?),
            _ => words.push(0),
        }
    }
    active(
        RECORDS,
        words.into_iter().flat_map(u32::to_le_bytes).collect(),
    );
    Ok(data)
}

fn field(choice: usize) -> u32 {
    FieldId::of(FIELDS[choice % FIELDS.len()]).0
}

/// The body of a function: `cabi_realloc` hands out memory, what frees does nothing, and an
/// export calls the host a few times.
fn body(
    u: &mut Unstructured<'_>,
    shape: &Shape<'_>,
    name: &str,
    ty: &FuncType,
) -> Result<Function> {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    if name == "cabi_realloc" {
        // The place before, and behind it room for what was asked for, in eights.
        code.global_get(0).global_get(0).local_get(3).i32_add();
        code.i32_const(7).i32_add().i32_const(-8).i32_and();
        code.global_set(0).end();
        return Ok(body);
    }
    let calls = match shape.imports.len() {
        0 => 0,
        _ if name.starts_with("cabi_post") || name.is_empty() => 0,
        // What runs before there is a batch may call little, and a fault there ends it all.
        _ if (name.ends_with("_initialize") || name.ends_with("configure"))
            && u.ratio(15, 16)? =>
        {
            0
        }
        _ => u.int_in_range(0..=CALLS)?,
    };
    for _ in 0..calls {
        let callee = u.choose_index(shape.imports.len())?;
        let called = &shape.types[shape.imports[callee] as usize];
        for param in called.params() {
            argument(u, &mut code, *param, ty)?;
        }
        code.call(callee as u32);
        for _ in called.results() {
            code.drop();
        }
    }
    for result in ty.results() {
        match result {
            wasmparser::ValType::I32 if name.ends_with("configure") => {
                // A place that is all zeros: no error.
                let good = u.ratio(15, 16)?;
                code.i32_const(if good { HEAP - 64 } else { RECORDS as i32 });
            }
            wasmparser::ValType::I32 => {
                let record = u32::from(u.arbitrary::<u8>()?) % 32 * 64;
                code.i32_const((RECORDS + record) as i32);
            }
            other => argument(u, &mut code, *other, ty)?,
        }
    }
    code.end();
    Ok(body)
}

/// One argument of a call within a function of this type.
fn argument(
    u: &mut Unstructured<'_>,
    code: &mut wasm_encoder::InstructionSink<'_>,
    ty: wasmparser::ValType,
    within: &FuncType,
) -> Result<()> {
    let choice: u8 = u.arbitrary()?;
    match ty {
        wasmparser::ValType::I32 => {
            let params = within.params();
            let value = match choice {
                0..=9 if params.first() == Some(&wasmparser::ValType::I32) => {
                    code.local_get(0);
                    return Ok(());
                }
                0..=79 => u32::from(choice) % 5,
                80..=129 => field(usize::from(choice)),
                130..=169 => texts()[usize::from(choice) % SAID.len()].0,
                170..=199 => ROWS,
                200..=246 => RECORDS + u32::from(choice) % 32 * 64,
                _ => u.arbitrary()?,
            };
            code.i32_const(value as i32);
        }
        wasmparser::ValType::I64 => {
            // About the time of the events, or anything.
            let value = match choice {
                0..=199 => 1_748_772_000_000_000_000 + i64::from(choice) * 1_000_000_000,
                _ => u.arbitrary()?,
            };
            code.i64_const(value);
        }
        wasmparser::ValType::F32 => {
            code.f32_const(f32::from(choice).into());
        }
        wasmparser::ValType::F64 => {
            code.f64_const(f64::from(choice).into());
        }
        wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => {
            return Err(arbitrary::Error::IncorrectFormat);
        }
    }
    Ok(())
}
