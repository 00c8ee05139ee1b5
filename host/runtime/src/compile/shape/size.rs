//! How much comes of types of components, whatever they are named for.

use wasmparser::{
    ComponentAlias, ComponentDefinedType, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeDeclaration, ComponentTypeRef, CoreType, InstanceTypeDeclaration,
    TypeBounds,
};

/// How much comes of naming a type or an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Itself and all that it is made of. Types of values and functions are kept once however
    /// often they are named; those of instances and components anew each time.
    pub(super) whole: u64,
    /// The same of the largest type that it exports.
    largest: u64,
}

impl Size {
    /// That of a type of values, and of what is not there.
    pub(super) const ONE: Size = Size {
        whole: 1,
        largest: 1,
    };

    pub(super) fn at(sizes: &[Size], index: u32) -> Size {
        sizes.get(index as usize).copied().unwrap_or(Size::ONE)
    }

    /// Of a type that it exports, whichever that is.
    pub(super) fn largest(self) -> Size {
        Size {
            whole: self.largest,
            largest: self.largest,
        }
    }

    /// Adds what is exported by name.
    pub(super) fn export(&mut self, of: Size, is_type: bool) {
        self.whole = self.whole.saturating_add(of.whole).saturating_add(1);
        let largest = if is_type { of.whole } else { 1 };
        self.largest = self.largest.max(largest).max(of.largest);
    }
}

/// How many items a type is declared with, and how much comes of naming it.
pub(super) fn declared(ty: &ComponentType<'_>, outer: &[&[Size]]) -> (u64, Size) {
    let fields = match ty {
        ComponentType::Defined(defined) => match defined {
            ComponentDefinedType::Record(fields) => fields.len(),
            ComponentDefinedType::Variant(cases) => cases.len(),
            ComponentDefinedType::Tuple(types) => types.len(),
            ComponentDefinedType::Flags(names) => names.len(),
            ComponentDefinedType::Enum(names) => names.len(),
            _ => 1,
        },
        ComponentType::Func(function) => 1 + function.params.len(),
        ComponentType::Resource { .. } => 0,
        ComponentType::Component(declarations) => {
            let mut within = Within::new(outer);
            for declaration in declarations {
                match declaration {
                    ComponentTypeDeclaration::CoreType(ty) => within.core(ty),
                    ComponentTypeDeclaration::Type(ty) => within.declare(ty),
                    ComponentTypeDeclaration::Alias(alias) => within.alias(alias),
                    ComponentTypeDeclaration::Export { ty, .. } => within.export(ty),
                    ComponentTypeDeclaration::Import(import) => within.export(&import.ty),
                }
            }
            return (within.size.whole, within.size);
        }
        ComponentType::Instance(declarations) => {
            let mut within = Within::new(outer);
            for declaration in declarations {
                match declaration {
                    InstanceTypeDeclaration::CoreType(ty) => within.core(ty),
                    InstanceTypeDeclaration::Type(ty) => within.declare(ty),
                    InstanceTypeDeclaration::Alias(alias) => within.alias(alias),
                    InstanceTypeDeclaration::Export { ty, .. } => within.export(ty),
                }
            }
            return (within.size.whole, within.size);
        }
    };
    (1 + fields as u64, Size::ONE)
}

/// A type of instances or components that is being read.
struct Within<'a> {
    outer: &'a [&'a [Size]],
    types: Vec<Size>,
    instances: Vec<Size>,
    size: Size,
}

impl<'a> Within<'a> {
    fn new(outer: &'a [&'a [Size]]) -> Within<'a> {
        Within {
            outer,
            types: Vec::new(),
            instances: Vec::new(),
            size: Size::ONE,
        }
    }

    fn core(&mut self, ty: &CoreType<'_>) {
        self.size.whole = self.size.whole.saturating_add(core_type_size(ty));
    }

    fn declare(&mut self, ty: &ComponentType<'_>) {
        let mut scopes = self.outer.to_vec();
        scopes.push(&self.types);
        let (items, size) = declared(ty, &scopes);
        self.size.whole = self.size.whole.saturating_add(items);
        self.types.push(size);
    }

    fn export(&mut self, ty: &ComponentTypeRef) {
        let size = named(ty, &self.types);
        let is_type = matches!(ty, ComponentTypeRef::Type(_));
        self.size.export(size, is_type);
        match ty {
            ComponentTypeRef::Type(_) => self.types.push(size),
            ComponentTypeRef::Instance(_) => self.instances.push(size),
            _ => {}
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        self.size.whole = self.size.whole.saturating_add(1);
        match alias {
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Type,
                count,
                index,
            } => {
                let size = match count.checked_sub(1) {
                    None => Size::at(&self.types, *index),
                    Some(count) => {
                        let depth = self.outer.len().checked_sub(1 + count as usize);
                        depth.map_or(Size::ONE, |depth| Size::at(self.outer[depth], *index))
                    }
                };
                self.types.push(size);
            }
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                ..
            } => {
                let of = Size::at(&self.instances, *instance_index);
                match kind {
                    ComponentExternalKind::Type => self.types.push(of.largest()),
                    ComponentExternalKind::Instance => self.instances.push(of),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// How much comes of what a type is named for.
pub(super) fn named(ty: &ComponentTypeRef, types: &[Size]) -> Size {
    match ty {
        ComponentTypeRef::Instance(at)
        | ComponentTypeRef::Component(at)
        | ComponentTypeRef::Type(TypeBounds::Eq(at)) => Size::at(types, *at),
        _ => Size::ONE,
    }
}

pub(super) fn core_type_size(ty: &CoreType<'_>) -> u64 {
    match ty {
        CoreType::Rec(group) => group.types().len() as u64,
        CoreType::Module(declarations) => 1 + declarations.len() as u64,
    }
}
