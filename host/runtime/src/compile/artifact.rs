//! What the process that compiles says of a component: what it imports and exports, what an
//! instance costs, and its code.

use wasmtime::Engine;

use super::ShapeLimits;
use super::shape::Shape;
use crate::preflight::Edge;

/// The most bytes of everything but the code.
const MAX_HEAD: usize = 4 << 20;
/// Bytes of the length in front.
const LENGTH: usize = 8;

/// An artifact that was read.
pub(crate) struct Artifact<'a> {
    pub(crate) edge: Edge,
    /// Bytes that the host keeps for each instance beside its memories and tables.
    pub(crate) overhead: u64,
    pub(crate) code: &'a [u8],
}

impl Artifact<'_> {
    /// Counts what the component is made of, validates and compiles it. For the process whose
    /// time and memory are limited.
    pub(super) fn compile(
        engine: &Engine,
        limits: &ShapeLimits,
        component: &[u8],
    ) -> Result<Vec<u8>, String> {
        let mut artifact = Self::without_code(limits, component)?;
        let code = engine.precompile_component(component);
        artifact.extend_from_slice(&code.map_err(|e| format!("{e:#}"))?);
        Ok(artifact)
    }

    /// The same without compiling.
    pub(super) fn without_code(limits: &ShapeLimits, component: &[u8]) -> Result<Vec<u8>, String> {
        let shape = Shape::of(component, limits)?;
        let edge = Edge::of_bytes(component)?;
        let head = serde_json::to_vec(&(edge, shape.overhead())).map_err(|e| e.to_string())?;
        if head.len() > MAX_HEAD {
            return Err(format!(
                "the names that it imports and exports take {} bytes; at most {MAX_HEAD} are read",
                head.len()
            ));
        }
        let mut artifact = Vec::with_capacity(LENGTH + head.len());
        artifact.extend_from_slice(&(head.len() as u64).to_le_bytes());
        artifact.extend_from_slice(&head);
        Ok(artifact)
    }

    /// Reads what [`compile`](Self::compile) made, in this or another process.
    pub(crate) fn read(bytes: &[u8]) -> Result<Artifact<'_>, String> {
        let damaged = || "the compiler process answered nonsense".to_owned();
        let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        if length > MAX_HEAD {
            return Err(damaged());
        }
        let (head, code) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let (edge, overhead) = serde_json::from_slice(head).map_err(|_| damaged())?;
        Ok(Artifact {
            edge,
            overhead,
            code,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_comes_back_and_a_damaged_one_is_refused() {
        let component = wat::parse_str("(component (import \"f\" (func)))").unwrap();
        let artifact = Artifact::without_code(&ShapeLimits::default(), &component).unwrap();
        let read = Artifact::read(&artifact).unwrap();
        assert_eq!(read.edge, Edge::of_bytes(&component).unwrap());
        assert!(read.code.is_empty() && read.overhead > 0);
        for end in 0..artifact.len() {
            assert!(Artifact::read(&artifact[..end]).is_err(), "{end}");
        }
        // White space before it is as good, as long as all is no more than 4 MiB.
        let padded = |length: usize| {
            let head = &artifact[LENGTH..];
            let mut bytes = (length as u64).to_le_bytes().to_vec();
            bytes.resize(LENGTH + length - head.len(), b' ');
            bytes.extend(head);
            Artifact::read(&bytes).is_ok()
        };
        assert_eq!([4 << 20, (4 << 20) + 1].map(padded), [true, false]);
        let mut long = artifact;
        long[..LENGTH].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Artifact::read(&long).is_err());
    }
}
