//! How much a component may be made of.

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
    pub(in crate::compile) fn to_argument(&self) -> String {
        self.numbers().map(|number| number.to_string()).join(",")
    }

    /// What [`to_argument`](Self::to_argument) wrote.
    pub(in crate::compile) fn from_argument(text: &str) -> Option<ShapeLimits> {
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
