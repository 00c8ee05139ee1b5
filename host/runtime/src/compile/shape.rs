//! What a component is made of, counted before anything else looks at it.
//!
//! A few bytes can stand for very much: a component that instantiates another twice, which
//! instantiates a third twice, has twice as many instances at each step, and a type can be a
//! list of types that are lists. The compiler, and whoever loads its code, keeps each of them
//! apart. So they are counted here as often as they will be there, without being made.

use wasmparser::{
    ComponentAlias, ComponentDefinedType, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeDeclaration, ComponentTypeRef, CoreType,
    ElementItems, Encoding, Instance, InstanceTypeDeclaration, Parser, Payload, TypeBounds,
};

/// What a component may be made of. Counted in the process that compiles, before it compiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeLimits {
    /// How deep components and modules may lie within one another.
    pub depth: u64,
    /// Core modules and components within the component.
    pub definitions: u64,
    /// Instances of core modules and of components, each as often as it will be made.
    pub instances: u64,
    /// Types and their fields, imports, exports, aliases, canonical functions and arguments of
    /// components, each as often as it will be there.
    pub items: u64,
    /// Functions of core modules, imported ones among them.
    pub functions: u64,
    /// Types, imports, exports, globals, tables, memories, tags and segments of core modules.
    pub core_items: u64,
    /// Elements of all element segments of core modules.
    pub elements: u64,
    /// Bytes of all custom sections, debugging information among them.
    pub custom_bytes: u64,
}

impl Default for ShapeLimits {
    fn default() -> Self {
        ShapeLimits {
            depth: 16,
            definitions: 256,
            instances: 256,
            items: 50_000,
            functions: 100_000,
            core_items: 200_000,
            elements: 1_000_000,
            custom_bytes: 32 << 20,
        }
    }
}

impl ShapeLimits {
    /// For the command line of a compiler process.
    pub(super) fn to_argument(&self) -> String {
        self.numbers().map(|number| number.to_string()).join(",")
    }

    /// What [`to_argument`](Self::to_argument) wrote.
    pub(super) fn from_argument(text: &str) -> Option<ShapeLimits> {
        let numbers: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
        let numbers: [u64; 8] = numbers.ok()?.try_into().ok()?;
        let [
            depth,
            definitions,
            instances,
            items,
            functions,
            core_items,
            elements,
            custom_bytes,
        ] = numbers;
        Some(ShapeLimits {
            depth,
            definitions,
            instances,
            items,
            functions,
            core_items,
            elements,
            custom_bytes,
        })
    }

    fn numbers(&self) -> [u64; 8] {
        [
            self.depth,
            self.definitions,
            self.instances,
            self.items,
            self.functions,
            self.core_items,
            self.elements,
            self.custom_bytes,
        ]
    }
}

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
type Definition = Option<(Made, u64)>;

/// A component or module that is being read.
#[derive(Default)]
struct Scope {
    module: bool,
    made: Made,
    /// Bytes of a module's context.
    context: u64,
    /// Sizes of all exports together.
    exports: u64,
    components: Vec<Definition>,
    /// Sizes of types, in the order of their indexes.
    types: Vec<u64>,
    /// Sizes of instances of components, likewise: their exports, of which each counts itself
    /// and what it exports in turn.
    instances: Vec<u64>,
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
                self.scopes.push(Scope {
                    module: encoding == Encoding::Module,
                    ..Scope::default()
                });
                return Ok(());
            }
            Payload::End(_) => {
                let done = self.scopes.pop().unwrap_or_default();
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
                    let size = self.type_size(&ty.map_err(text)?);
                    self.here().made.items(size);
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
                    let size = reference_size(&ty, &scope.types);
                    scope.made.items(size);
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
                    let at = export.index as usize;
                    let ascribed = export.ty.map(|ty| reference_size(&ty, &scope.types));
                    let size = match export.kind {
                        ComponentExternalKind::Component => {
                            let same = scope.components.get(at).copied().flatten();
                            scope.components.push(same);
                            1
                        }
                        ComponentExternalKind::Type => {
                            let size = scope.types.get(at).copied().unwrap_or(1);
                            scope.types.push(size);
                            size
                        }
                        ComponentExternalKind::Instance => {
                            let size = scope.instances.get(at).copied().unwrap_or(1);
                            scope.instances.push(size);
                            size
                        }
                        _ => 1,
                    };
                    let size = size.max(ascribed.unwrap_or(0)).saturating_add(1);
                    scope.exports = scope.exports.saturating_add(size);
                    scope.made.items(size);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The component that is being read.
    fn here(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
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
                let size = exports.iter().fold(0u64, |sum, export| {
                    let of = match export.kind {
                        ComponentExternalKind::Instance => {
                            let size = scope.instances.get(export.index as usize);
                            size.copied().unwrap_or(1)
                        }
                        _ => 1,
                    };
                    sum.saturating_add(of).saturating_add(1)
                });
                scope.made.items(size);
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
                let whole = scope.instances.get(*instance_index as usize);
                let size = whole.copied().unwrap_or(1);
                match kind {
                    ComponentExternalKind::Component => scope.components.push(None),
                    ComponentExternalKind::Type => scope.types.push(size),
                    ComponentExternalKind::Instance => scope.instances.push(size),
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
                        self.here().types.push(same.unwrap_or(1));
                    }
                    ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::CoreType => {}
                }
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
    }

    /// How much comes of a type. Types of values and functions are kept once however often they
    /// are named; those of instances and components anew each time.
    fn type_size(&self, ty: &ComponentType<'_>) -> u64 {
        let outer: Vec<&[u64]> = self.scopes.iter().map(|scope| &scope.types[..]).collect();
        size(ty, &outer)
    }
}

fn size(ty: &ComponentType<'_>, outer: &[&[u64]]) -> u64 {
    match ty {
        ComponentType::Defined(defined) => match defined {
            ComponentDefinedType::Record(fields) => 1 + fields.len() as u64,
            ComponentDefinedType::Variant(cases) => 1 + cases.len() as u64,
            ComponentDefinedType::Tuple(types) => 1 + types.len() as u64,
            ComponentDefinedType::Flags(names) => 1 + names.len() as u64,
            ComponentDefinedType::Enum(names) => 1 + names.len() as u64,
            _ => 2,
        },
        ComponentType::Func(function) => 2 + function.params.len() as u64,
        ComponentType::Resource { .. } => 1,
        ComponentType::Component(declarations) => {
            let mut own = Vec::new();
            declarations.iter().fold(1, |sum: u64, declaration| {
                sum.saturating_add(match declaration {
                    ComponentTypeDeclaration::CoreType(ty) => core_type_size(ty),
                    ComponentTypeDeclaration::Type(ty) => declared(ty, outer, &mut own),
                    ComponentTypeDeclaration::Alias(alias) => aliased(alias, outer, &mut own),
                    ComponentTypeDeclaration::Export { ty, .. } => named(ty, &mut own),
                    ComponentTypeDeclaration::Import(import) => named(&import.ty, &mut own),
                })
            })
        }
        ComponentType::Instance(declarations) => {
            let mut own = Vec::new();
            declarations.iter().fold(1, |sum: u64, declaration| {
                sum.saturating_add(match declaration {
                    InstanceTypeDeclaration::CoreType(ty) => core_type_size(ty),
                    InstanceTypeDeclaration::Type(ty) => declared(ty, outer, &mut own),
                    InstanceTypeDeclaration::Alias(alias) => aliased(alias, outer, &mut own),
                    InstanceTypeDeclaration::Export { ty, .. } => named(ty, &mut own),
                })
            })
        }
    }
}

fn declared(ty: &ComponentType<'_>, outer: &[&[u64]], own: &mut Vec<u64>) -> u64 {
    let size = {
        let mut scopes = outer.to_vec();
        scopes.push(own);
        size(ty, &scopes)
    };
    own.push(size);
    size
}

fn named(ty: &ComponentTypeRef, own: &mut Vec<u64>) -> u64 {
    let size = reference_size(ty, own);
    if matches!(ty, ComponentTypeRef::Type(_)) {
        own.push(size);
    }
    size
}

fn aliased(alias: &ComponentAlias<'_>, outer: &[&[u64]], own: &mut Vec<u64>) -> u64 {
    let ComponentAlias::Outer {
        kind: ComponentOuterAliasKind::Type,
        count,
        index,
    } = alias
    else {
        if let ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Type,
            ..
        } = alias
        {
            own.push(1);
        }
        return 1;
    };
    let at = *index as usize;
    let size = match count.checked_sub(1) {
        None => own.get(at),
        Some(count) => {
            let depth = outer.len().checked_sub(1 + count as usize);
            depth.and_then(|depth| outer[depth].get(at))
        }
    };
    let size = size.copied().unwrap_or(1);
    own.push(size);
    1
}

/// How much comes of naming a type: itself, and what it is made of.
fn reference_size(ty: &ComponentTypeRef, types: &[u64]) -> u64 {
    let of = |at: u32| types.get(at as usize).copied().unwrap_or(0);
    1u64.saturating_add(match ty {
        ComponentTypeRef::Instance(at) | ComponentTypeRef::Component(at) => of(*at),
        ComponentTypeRef::Type(TypeBounds::Eq(at)) => of(*at),
        _ => 0,
    })
}

fn core_type_size(ty: &CoreType<'_>) -> u64 {
    match ty {
        CoreType::Rec(group) => group.types().len() as u64,
        CoreType::Module(declarations) => 1 + declarations.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Shape, String> {
        let component = wat::parse_str(text).unwrap();
        Shape::of(&component, &ShapeLimits::default())
    }

    /// Each component instantiates the one before it twice.
    fn doubling(steps: usize) -> String {
        let mut text =
            String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
        for step in 1..=steps {
            let before = step - 1;
            text.push_str(&format!(
                "(component $c{step} (alias outer 1 $c{before} (component $b)) \
                 (instance (instantiate $b)) (instance (instantiate $b)))"
            ));
        }
        format!("(component {text} (instance (instantiate $c{steps})))")
    }

    #[test]
    fn instances_count_as_often_as_they_are_made() {
        let shape = of(&doubling(4)).unwrap();
        // 16 core instances, and 1 + 2 + 4 + 8 + 16 of components.
        assert_eq!(shape.made.instances, 16 + 31);
        let error = of(&doubling(22)).unwrap_err();
        assert!(error.contains("instances or more; at most 256"), "{error}");
        assert!(of(&doubling(80)).is_err());
    }

    #[test]
    fn types_and_exports_count_as_often_as_they_are_there() {
        let types = |steps: usize| {
            let mut text = String::from("(type $t0 (instance (export \"f\" (func))))");
            for step in 1..=steps {
                let before = step - 1;
                text.push_str(&format!(
                    "(type $t{step} (instance (alias outer 1 $t{before} (type $b)) \
                     (export \"a\" (instance (type $b))) (export \"b\" (instance (type $b)))))"
                ));
            }
            format!("(component {text} (import \"i\" (instance (type $t{steps}))))")
        };
        assert!(of(&types(5)).is_ok());
        let error = of(&types(18)).unwrap_err();
        assert!(error.contains("exports and the like or more"), "{error}");
        let exports = |steps: usize| {
            let mut text =
                String::from("(import \"f\" (func $f)) (instance $i0 (export \"f\" (func $f)))");
            for step in 1..=steps {
                let before = step - 1;
                text.push_str(&format!(
                    "(instance $i{step} (export \"a\" (instance $i{before})) \
                     (export \"b\" (instance $i{before})))"
                ));
            }
            format!("(component {text} (export \"all\" (instance $i{steps})))")
        };
        assert!(of(&exports(5)).is_ok());
        assert!(of(&exports(18)).is_err());
        assert!(of(&exports(60)).is_err());
    }

    #[test]
    fn what_is_given_from_outside_is_not_instantiated() {
        let error = of(
            "(component (component $o (import \"c\" (component $c)) (instance (instantiate $c))))",
        );
        assert!(error.unwrap_err().contains("that it is given"));
    }

    #[test]
    fn every_count_has_its_limit_within_and_over() {
        let component = wat::parse_str(
            "(component (core module $m (import \"a\" \"b\" (func $f)) (global i32 (i32.const 0)) \
             (table 3 funcref) (elem (i32.const 0) $f $f $f)) (@custom \"note\" \"12345678\"))",
        )
        .unwrap();
        let exact = ShapeLimits {
            depth: 2,
            definitions: 1,
            instances: 0,
            items: 0,
            functions: 1,
            core_items: 5,
            elements: 3,
            custom_bytes: 8,
        };
        // Names that the text gave come in a custom section too.
        let shape = Shape::of(&component, &ShapeLimits::default()).unwrap();
        let exact = ShapeLimits {
            custom_bytes: shape.custom_bytes,
            ..exact
        };
        assert_eq!(Shape::of(&component, &exact), Ok(shape));
        for (lower, says) in [
            (
                ShapeLimits {
                    depth: 1,
                    ..exact.clone()
                },
                "levels",
            ),
            (
                ShapeLimits {
                    definitions: 0,
                    ..exact.clone()
                },
                "modules",
            ),
            (
                ShapeLimits {
                    functions: 0,
                    ..exact.clone()
                },
                "functions",
            ),
            (
                ShapeLimits {
                    core_items: 4,
                    ..exact.clone()
                },
                "core modules",
            ),
            (
                ShapeLimits {
                    elements: 2,
                    ..exact.clone()
                },
                "elements",
            ),
            (
                ShapeLimits {
                    custom_bytes: 7,
                    ..exact.clone()
                },
                "custom",
            ),
        ] {
            let error = Shape::of(&component, &lower).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let text = exact.to_argument();
        assert_eq!(ShapeLimits::from_argument(&text), Some(exact));
        assert_eq!(ShapeLimits::from_argument("1,2"), None);
    }
}
