//! From the directory of WIT files to the model.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use wit_parser::{Docs, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId};

use crate::model::{Case, Enum, Field, Kind, Model, Record, Ty, Variant};
use crate::{ModelError, names};

/// Names that JSON gives to the envelope, which no body may use at its top.
const RESERVED: [&str; 4] = ["id", "schema", "kind", "envelope"];

/// Enums whose neutral case is neither `unknown` nor the first, and why: a flow of which
/// nothing else is known is reported once, when it is over.
const NEUTRAL: [(&str, &str); 1] = [("flow-phase", "end")];

/// Types of the interface `findings` that the host's plain types mirror.
const OF_FINDINGS: [&str; 1] = ["block-scope"];

/// Reads every `.wit` file of `dir`, which is one package.
///
/// # Errors
/// When the text is not valid WIT, or is not shaped as the host needs: an enum `kind`
/// with one interface of that name for each case, records of the types listed at
/// [`Ty`], names that do not collide in JSON, field ids that do not collide in a kind.
pub fn load(dir: &Path) -> Result<Model, ModelError> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(dir)
        .map_err(|error| ModelError::Parse(dir.display().to_string(), format!("{error:#}")))?;
    let loader = Loader { resolve, package };
    let model = loader.model()?;
    check(&model)?;
    Ok(model)
}

struct Loader {
    resolve: Resolve,
    package: PackageId,
}

fn text(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or("").trim().to_owned()
}

impl Loader {
    fn interface(&self, name: &str) -> Result<InterfaceId, ModelError> {
        self.resolve.packages[self.package]
            .interfaces
            .get(name)
            .copied()
            .ok_or_else(|| ModelError::Missing("interface", name.to_owned()))
    }

    fn interface_name(&self, id: InterfaceId) -> Result<String, ModelError> {
        self.resolve
            .id_of(id)
            .ok_or_else(|| ModelError::Missing("name of an interface", format!("{id:?}")))
    }

    fn model(&self) -> Result<Model, ModelError> {
        let types = self.interface("types")?;
        let findings = self.interface("findings")?;
        let mut model = Model {
            enums: Vec::new(),
            records: Vec::new(),
            variants: Vec::new(),
            envelope: Record {
                name: String::new(),
                docs: String::new(),
                fields: Vec::new(),
            },
            kind_docs: String::new(),
            kinds: Vec::new(),
            envelope_interface: self.interface_name(self.interface("envelope")?)?,
        };
        for (name, &id) in &self.resolve.interfaces[types].types {
            self.item(name, id, &mut model)?;
        }
        for name in OF_FINDINGS {
            let id = self.resolve.interfaces[findings].types.get(name);
            let id = id.ok_or_else(|| ModelError::Missing("type", format!("findings.{name}")))?;
            self.item(name, *id, &mut model)?;
        }
        if model.envelope.fields.is_empty() || model.kinds.is_empty() {
            return Err(ModelError::Missing(
                "type",
                "types.envelope or types.kind".to_owned(),
            ));
        }
        Ok(model)
    }

    fn item(&self, name: &str, id: TypeId, model: &mut Model) -> Result<(), ModelError> {
        let def = &self.resolve.types[id];
        let docs = text(&def.docs);
        match &def.kind {
            TypeDefKind::Enum(cases) => {
                let cases: Vec<Case> = cases
                    .cases
                    .iter()
                    .map(|c| Case {
                        name: c.name.clone(),
                        docs: text(&c.docs),
                        ty: None,
                    })
                    .collect();
                if name == "kind" {
                    model.kind_docs = docs;
                    model.kinds = cases
                        .iter()
                        .map(|c| self.kind(&c.name))
                        .collect::<Result<_, _>>()?;
                } else {
                    let neutral = neutral(name, &cases)?;
                    model.enums.push(Enum {
                        name: name.to_owned(),
                        docs,
                        cases,
                        neutral,
                    });
                }
            }
            TypeDefKind::Record(record) => {
                let record = self.record(name, docs, record)?;
                match name {
                    "envelope" => model.envelope = record,
                    // `Ty::Attributes` stands for lists of them.
                    "attribute" => {}
                    _ => model.records.push(record),
                }
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant
                    .cases
                    .iter()
                    .map(|c| {
                        let ty = c.ty.as_ref().map(|ty| self.ty(ty, name)).transpose()?;
                        Ok(Case {
                            name: c.name.clone(),
                            docs: text(&c.docs),
                            ty,
                        })
                    })
                    .collect::<Result<_, ModelError>>()?;
                model.variants.push(Variant {
                    name: name.to_owned(),
                    docs,
                    cases,
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn kind(&self, name: &str) -> Result<Kind, ModelError> {
        let id = self.interface(name)?;
        let interface = &self.resolve.interfaces[id];
        let event = interface
            .types
            .get("event")
            .map(|id| &self.resolve.types[*id]);
        let Some((event, TypeDefKind::Record(record))) = event.map(|def| (def, &def.kind)) else {
            return Err(ModelError::Missing("record", format!("{name}.event")));
        };
        if !interface.functions.contains_key("rows") {
            return Err(ModelError::Missing("function", format!("{name}.rows")));
        }
        Ok(Kind {
            name: name.to_owned(),
            dotted: names::dotted_kind(name),
            docs: text(&interface.docs),
            body: self.record(name, text(&event.docs), record)?,
            interface: self.interface_name(id)?,
        })
    }

    fn record(
        &self,
        name: &str,
        docs: String,
        record: &wit_parser::Record,
    ) -> Result<Record, ModelError> {
        let fields = record
            .fields
            .iter()
            .map(|field| {
                let ty = self.ty(&field.ty, &format!("{name}.{}", field.name))?;
                Ok(Field {
                    name: field.name.clone(),
                    docs: text(&field.docs),
                    ty,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Record {
            name: name.to_owned(),
            docs,
            fields,
        })
    }

    fn ty(&self, ty: &Type, whose: &str) -> Result<Ty, ModelError> {
        Ok(match ty {
            Type::Bool => Ty::Bool,
            Type::U8 => Ty::U8,
            Type::U16 => Ty::U16,
            Type::U32 => Ty::U32,
            Type::U64 => Ty::U64,
            Type::F32 => Ty::F32,
            Type::F64 => Ty::F64,
            Type::String => Ty::Text,
            Type::Id(id) => return self.named(*id, whose),
            other => return Err(ModelError::Type(whose.to_owned(), format!("{other:?}"))),
        })
    }

    fn named(&self, id: TypeId, whose: &str) -> Result<Ty, ModelError> {
        let def = &self.resolve.types[id];
        let name = def.name.clone().unwrap_or_default();
        match name.as_str() {
            "timestamp" => return Ok(Ty::Timestamp),
            "ip-address" => return Ok(Ty::Address),
            "attributes" => return Ok(Ty::Attributes),
            _ => {}
        }
        Ok(match &def.kind {
            TypeDefKind::Type(inner) => self.ty(inner, whose)?,
            TypeDefKind::Enum(_) => Ty::Enum(name),
            TypeDefKind::Record(_) => Ty::Record(name),
            TypeDefKind::Variant(_) => Ty::Variant(name),
            TypeDefKind::Option(inner) => Ty::Option(Box::new(self.ty(inner, whose)?)),
            TypeDefKind::List(Type::U8) => Ty::Bytes,
            TypeDefKind::List(inner) => Ty::List(Box::new(self.ty(inner, whose)?)),
            other => {
                return Err(ModelError::Type(
                    whose.to_owned(),
                    other.as_str().to_owned(),
                ));
            }
        })
    }
}

fn neutral(name: &str, cases: &[Case]) -> Result<usize, ModelError> {
    let wanted = NEUTRAL
        .iter()
        .find(|(of, _)| *of == name)
        .map(|(_, case)| *case);
    let found = cases
        .iter()
        .position(|c| c.name == wanted.unwrap_or("unknown"));
    match (found, wanted) {
        (Some(at), _) => Ok(at),
        (None, None) => Ok(0),
        (None, Some(case)) => Err(ModelError::Missing("case", format!("{name}.{case}"))),
    }
}

fn check(model: &Model) -> Result<(), ModelError> {
    let envelope: Vec<_> = model
        .envelope
        .fields
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    for kind in &model.kinds {
        for field in &kind.body.fields {
            if RESERVED.contains(&field.name.as_str()) || envelope.contains(&field.name.as_str()) {
                return Err(ModelError::Collision(kind.name.clone(), field.name.clone()));
            }
        }
        let mut ids: HashMap<u32, String> = HashMap::new();
        let nodes = crate::nodes::of_kind(model, kind)?;
        let names = nodes.iter().map(|n| n.dotted.clone());
        for name in names.chain(envelope.iter().map(|n| (*n).to_owned())) {
            if let Some(other) = ids.insert(names::field_id(&name), name.clone()) {
                return Err(ModelError::Collision(
                    kind.name.clone(),
                    format!("{name} and {other}"),
                ));
            }
        }
        // The host keeps one bit per field in a u128.
        if nodes.len() + envelope.len() > 128 {
            return Err(ModelError::TooManyFields(kind.name.clone(), nodes.len()));
        }
    }
    let types = model.records.iter().map(|r| names::pascal(&r.name));
    let types = types.chain(model.enums.iter().map(|e| names::pascal(&e.name)));
    let types = types.chain(model.kinds.iter().map(|k| names::body_type(&k.name)));
    let mut seen = HashSet::new();
    for name in types {
        if !seen.insert(name.clone()) {
            return Err(ModelError::Collision("types".to_owned(), name));
        }
    }
    Ok(())
}
