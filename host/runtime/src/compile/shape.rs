//! What a component is made of, counted before anything else looks at it.
//!
//! A few bytes can stand for very much: a component that instantiates another twice, which
//! instantiates a third twice, has twice as many instances at each step, and a type can be a
//! list of types that are lists. The compiler, and whoever loads its code, keeps each of them
//! apart. So they are counted here as often as they will be there, without being made.

mod limits;
mod size;
#[cfg(test)]
mod tests;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, ElementItems, Encoding, Instance, Parser, Payload,
};

pub use limits::ShapeLimits;
use size::{Size, core_type_size, declared, named};

/// What a component was found to be made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    definitions: u64,
    functions: u64,
    core_items: u64,
    elements: u64,
    custom_bytes: u64,
    /// Of the whole component.
    made: Made,
    /// Bytes that the host keeps for an instance of the largest core module, about.
    largest: u64,
}

impl Shape {
    /// Counts, and stops where a limit is passed.
    ///
    /// # Errors
    /// What there is too much of, or why the bytes are no component.
    pub(crate) fn of(component: &[u8], limits: &ShapeLimits) -> Result<Shape, String> {
        let mut count = Count {
            limits,
            shape: Shape::default(),
            scopes: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(component) {
            count.payload(payload.map_err(text)?)?;
            count.check()?;
        }
        Ok(count.shape)
    }

    /// Bytes that the host keeps for an instance of the component beside its memories and
    /// tables, about, and not less.
    pub(crate) fn overhead(&self) -> u64 {
        let instances = self.made.instances.saturating_mul(self.largest);
        instances.saturating_add(BASE + self.made.items.saturating_mul(64))
    }
}

/// What the host keeps for any instance: its books and wasmtime's.
const BASE: u64 = 16 << 10;
/// Bytes of wasmtime's context of a core instance: at most this for a function, and for
/// everything else that it has.
const PER_FUNCTION: u64 = 40;
const PER_ITEM: u64 = 32;

fn text(error: wasmparser::BinaryReaderError) -> String {
    error.to_string()
}

/// How much comes of a component each time it is instantiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Made {
    instances: u64,
    items: u64,
}

impl Made {
    fn add(&mut self, other: Made) {
        self.instances = self.instances.saturating_add(other.instances);
        self.items = self.items.saturating_add(other.items);
    }

    fn items(&mut self, more: u64) {
        self.items = self.items.saturating_add(more);
    }
}

/// A component that is defined, or `None`: one that is given from outside.
type Definition = Option<(Made, Size)>;

/// A component or module that is being read.
struct Scope {
    module: bool,
    made: Made,
    /// Bytes of a module's context.
    context: u64,
    /// What an instance of it exports.
    exports: Size,
    components: Vec<Definition>,
    /// Types, in the order of their indexes.
    types: Vec<Size>,
    /// Instances of components, likewise.
    instances: Vec<Size>,
}

impl Scope {
    fn new(module: bool) -> Scope {
        Scope {
            module,
            made: Made::default(),
            context: 0,
            exports: Size::ONE,
            components: Vec::new(),
            types: Vec::new(),
            instances: Vec::new(),
        }
    }
}

struct Count<'a> {
    limits: &'a ShapeLimits,
    shape: Shape,
    scopes: Vec<Scope>,
}

impl Count<'_> {
    fn check(&self) -> Result<(), String> {
        let Count { limits, shape, .. } = self;
        let made = self.scopes.iter().fold(shape.made, |mut sum, scope| {
            sum.add(scope.made);
            sum
        });
        for (what, found, limit) in [
            (
                "levels of components",
                self.scopes.len() as u64,
                limits.depth,
            ),
            (
                "modules and components",
                shape.definitions,
                limits.definitions,
            ),
            ("instances", made.instances, limits.instances),
            (
                "types, imports, exports and the like",
                made.items,
                limits.items,
            ),
            ("functions", shape.functions, limits.functions),
            (
                "types, imports, exports and the like in core modules",
                shape.core_items,
                limits.core_items,
            ),
            ("elements of tables", shape.elements, limits.elements),
            (
                "bytes of custom sections",
                shape.custom_bytes,
                limits.custom_bytes,
            ),
        ] {
            if found > limit {
                return Err(format!(
                    "it has {found} {what} or more; at most {limit} are compiled"
                ));
            }
        }
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.scopes.push(Scope::new(encoding == Encoding::Module));
                return Ok(());
            }
            Payload::End(_) => {
                let Some(done) = self.scopes.pop() else {
                    return Ok(());
                };
                self.shape.largest = self.shape.largest.max(done.context);
                match self.scopes.last_mut() {
                    Some(outer) if !done.module => {
                        outer.components.push(Some((done.made, done.exports)));
                    }
                    Some(_) => {}
                    None => self.shape.made = done.made,
                }
                return Ok(());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.shape.definitions += 1;
                return Ok(());
            }
            Payload::CustomSection(section) => {
                self.shape.custom_bytes += section.data().len() as u64;
                return Ok(());
            }
            _ => {}
        }
        match self.scopes.last().is_some_and(|scope| scope.module) {
            true => self.module(payload),
            false => self.component(payload),
        }
    }

    fn module(&mut self, payload: Payload<'_>) -> Result<(), String> {
        let (functions, items) = match payload {
            Payload::TypeSection(s) => (0, s.count()),
            // Whatever is imported counts as the largest, a function.
            Payload::ImportSection(s) => (s.count(), s.count()),
            Payload::FunctionSection(s) => (s.count(), 0),
            Payload::TableSection(s) => (0, s.count()),
            Payload::MemorySection(s) => (0, s.count()),
            Payload::TagSection(s) => (0, s.count()),
            Payload::GlobalSection(s) => (0, s.count()),
            Payload::ExportSection(s) => (0, s.count()),
            Payload::DataSection(s) => (0, s.count()),
            Payload::ElementSection(s) => {
                let count = s.count();
                for segment in s {
                    self.shape.elements += u64::from(match segment.map_err(text)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    });
                }
                (0, count)
            }
            _ => return Ok(()),
        };
        let (functions, items) = (u64::from(functions), u64::from(items));
        self.shape.functions += functions;
        self.shape.core_items += items;
        if let Some(scope) = self.scopes.last_mut() {
            scope.context += functions * PER_FUNCTION + items * PER_ITEM;
        }
        Ok(())
    }

    fn component(&mut self, payload: Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::ComponentTypeSection(types) => {
                for ty in types {
                    let outer: Vec<&[Size]> = self.scopes.iter().map(|s| &s.types[..]).collect();
                    let (items, size) = declared(&ty.map_err(text)?, &outer);
                    self.here().made.items(items);
                    self.here().types.push(size);
                }
            }
            Payload::CoreTypeSection(types) => {
                for ty in types {
                    let size = core_type_size(&ty.map_err(text)?);
                    self.here().made.items(size);
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    let made = match instance.map_err(text)? {
                        Instance::Instantiate { args, .. } => Made {
                            instances: 1,
                            items: args.len() as u64 + 1,
                        },
                        Instance::FromExports(exports) => Made {
                            instances: 0,
                            items: exports.len() as u64 + 1,
                        },
                    };
                    self.here().made.add(made);
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    self.instance(instance.map_err(text)?)?;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(&alias.map_err(text)?);
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    function.map_err(text)?;
                    self.here().made.items(1);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let ty = import.map_err(text)?.ty;
                    let scope = self.here();
                    let size = named(&ty, &scope.types);
                    scope.made.items(size.whole.saturating_add(1));
                    match ty {
                        ComponentTypeRef::Component(_) => scope.components.push(None),
                        ComponentTypeRef::Instance(_) => scope.instances.push(size),
                        ComponentTypeRef::Type(_) => scope.types.push(size),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(text)?;
                    let scope = self.here();
                    let ascribed = export.ty.map(|ty| named(&ty, &scope.types));
                    let at = export.index;
                    let mut size = Size::ONE;
                    match export.kind {
                        ComponentExternalKind::Component => {
                            let same = scope.components.get(at as usize).copied().flatten();
                            scope.components.push(same);
                        }
                        ComponentExternalKind::Type => {
                            size = Size::at(&scope.types, at);
                            scope.types.push(size);
                        }
                        ComponentExternalKind::Instance => {
                            size = Size::at(&scope.instances, at);
                            scope.instances.push(size);
                        }
                        _ => {}
                    }
                    if let Some(ascribed) = ascribed.filter(|a| a.whole > size.whole) {
                        size = ascribed;
                    }
                    let is_type = export.kind == ComponentExternalKind::Type;
                    scope.exports.export(size, is_type);
                    scope.made.items(size.whole.saturating_add(1));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The component that is being read.
    fn here(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::new(false));
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn instance(&mut self, instance: ComponentInstance<'_>) -> Result<(), String> {
        let scope = self.here();
        let size = match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let Some(found) = scope.components.get(component_index as usize) else {
                    return Err(format!(
                        "it instantiates component {component_index}, which is not there"
                    ));
                };
                let Some((made, exports)) = *found else {
                    return Err(
                        "it instantiates a component that it is given, which no host of \
                                Palisade does"
                            .into(),
                    );
                };
                scope.made.add(made);
                scope.made.add(Made {
                    instances: 1,
                    items: args.len() as u64 + 1,
                });
                exports
            }
            ComponentInstance::FromExports(exports) => {
                let mut size = Size::ONE;
                for export in &exports {
                    let is_type = export.kind == ComponentExternalKind::Type;
                    let of = match export.kind {
                        ComponentExternalKind::Instance => Size::at(&scope.instances, export.index),
                        ComponentExternalKind::Type => Size::at(&scope.types, export.index),
                        _ => Size::ONE,
                    };
                    size.export(of, is_type);
                }
                scope.made.items(size.whole);
                size
            }
        };
        scope.instances.push(size);
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        self.here().made.items(1);
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                ..
            } => {
                let scope = self.here();
                // Which export it is would have to be looked up; none is larger than all.
                let of = Size::at(&scope.instances, *instance_index);
                match kind {
                    ComponentExternalKind::Component => scope.components.push(None),
                    ComponentExternalKind::Type => scope.types.push(of.largest()),
                    ComponentExternalKind::Instance => scope.instances.push(of),
                    _ => {}
                }
            }
            ComponentAlias::Outer { kind, count, index } => {
                let depth = self.scopes.len().checked_sub(1 + *count as usize);
                let outer = depth.and_then(|depth| self.scopes.get(depth));
                let at = *index as usize;
                match kind {
                    ComponentOuterAliasKind::Component => {
                        let same = outer.and_then(|o| o.components.get(at)).copied();
                        self.here().components.push(same.flatten());
                    }
                    ComponentOuterAliasKind::Type => {
                        let same = outer.and_then(|o| o.types.get(at)).copied();
                        self.here().types.push(same.unwrap_or(Size::ONE));
                    }
                    ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::CoreType => {}
                }
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
    }
}
