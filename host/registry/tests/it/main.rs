//! Transfers with a real registry (Debian's `docker-registry`) on loopback, and with relays
//! before it that break off or lie.

mod hostile;
mod relay;
mod server;
mod transfers;
mod trouble;

use std::collections::BTreeMap;

use palisade_registry::{Artifact, Content, Layer, Progress};

pub(crate) const TYPE: &str = "application/vnd.palisade.test.v1";

/// An artifact of one file.
pub(crate) fn artifact(content: Content) -> Artifact {
    Artifact {
        artifact_type: TYPE.to_owned(),
        config: Layer {
            media_type: "application/vnd.palisade.test.config.v1+json".to_owned(),
            title: None,
            content: Content::Bytes(r#"{"name":"a test"}"#.into()),
        },
        layers: vec![Layer {
            media_type: "application/octet-stream".to_owned(),
            title: Some("content.bin".to_owned()),
            content,
        }],
        annotations: BTreeMap::from([("org.opencontainers.image.version".into(), "1.0".into())]),
    }
}

/// Bytes that look like nothing else, always the same.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

pub(crate) fn silent(_: Progress<'_>) {}

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime")
        .block_on(future)
}
