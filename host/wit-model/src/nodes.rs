//! The fields of a kind as a tree laid out in pre-order. Every field has a position;
//! the fields of a record follow it.

use crate::model::{Kind, Model, Record, Ty};
use crate::{ModelError, names};

/// A field of a kind, at any depth.
#[derive(Clone, Debug)]
pub struct Node {
    /// Dotted kebab name: `src.ip`.
    pub dotted: String,
    /// Type without options and lists around it.
    pub leaf: Ty,
    /// How many lists are around the value.
    pub lists: usize,
    /// Whether an event may lack it: an option is around it or around a parent.
    pub optional: bool,
    /// Position in the record at each depth.
    pub path: Vec<usize>,
    /// Doc comment.
    pub docs: String,
}

/// All fields of `kind` in pre-order.
///
/// # Errors
/// When a record that is named does not exist, holds itself, or holds attributes.
pub fn of_kind(model: &Model, kind: &Kind) -> Result<Vec<Node>, ModelError> {
    let root = Node {
        dotted: String::new(),
        leaf: Ty::Record(kind.name.clone()),
        lists: 0,
        optional: false,
        path: Vec::new(),
        docs: String::new(),
    };
    let mut nodes = Vec::new();
    walk(model, &kind.body, &root, &mut nodes)?;
    Ok(nodes)
}

fn walk(
    model: &Model,
    record: &Record,
    parent: &Node,
    nodes: &mut Vec<Node>,
) -> Result<(), ModelError> {
    if parent.path.len() > 8 {
        return Err(ModelError::Type(
            parent.dotted.clone(),
            "a record within itself".to_owned(),
        ));
    }
    for (at, field) in record.fields.iter().enumerate() {
        let dotted = match parent.dotted.as_str() {
            "" => field.name.clone(),
            prefix => format!("{prefix}.{}", field.name),
        };
        let mut node = Node {
            dotted,
            docs: field.docs.clone(),
            ..parent.clone()
        };
        node.path.push(at);
        let mut ty = &field.ty;
        loop {
            match ty {
                Ty::Option(inner) => {
                    node.optional = true;
                    ty = inner;
                }
                Ty::List(inner) => {
                    node.lists += 1;
                    ty = inner;
                }
                _ => break,
            }
        }
        node.leaf = ty.clone();
        if *ty == Ty::Attributes && !parent.path.is_empty() {
            return Err(ModelError::Type(
                node.dotted,
                "attributes within a record".to_owned(),
            ));
        }
        let inner = match ty {
            Ty::Record(name) => Some(
                model
                    .record(name)
                    .ok_or_else(|| ModelError::Missing("record", name.clone()))?,
            ),
            _ => None,
        };
        nodes.push(node.clone());
        if let Some(inner) = inner {
            walk(model, inner, &node, nodes)?;
        }
    }
    Ok(())
}

/// How many fields lie below a field of this type.
pub fn below(model: &Model, ty: &Ty) -> usize {
    match ty {
        Ty::Option(inner) | Ty::List(inner) => below(model, inner),
        Ty::Record(name) => model.record(name).map_or(0, |r| fields(model, r)),
        _ => 0,
    }
}

/// How many fields a record has, at any depth.
pub fn fields(model: &Model, record: &Record) -> usize {
    record.fields.iter().map(|f| 1 + below(model, &f.ty)).sum()
}

/// Whether JSON must name the field: it is no option, no list, no attributes, and no
/// record that consists of such fields only.
pub fn mandatory(model: &Model, ty: &Ty) -> bool {
    match ty {
        Ty::Option(_) | Ty::List(_) | Ty::Bytes | Ty::Attributes => false,
        Ty::Record(name) => model
            .record(name)
            .is_some_and(|r| r.fields.iter().any(|f| mandatory(model, &f.ty))),
        _ => true,
    }
}

/// Positions of a record's fields by the order of their names in JSON.
pub fn sorted(record: &Record) -> Vec<usize> {
    let mut order: Vec<usize> = (0..record.fields.len()).collect();
    order.sort_by_key(|&at| names::snake(&record.fields[at].name));
    order
}
