//! What goes wrong, and what hostile registries try.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::Ordering;

use palisade_registry::{Content, Credentials, RegistryError};

use crate::relay::Relay;
use crate::server::{Server, connect, reference};
use crate::transfers::read;
use crate::{artifact, block_on, content, silent};

#[test]
fn a_connection_that_breaks_off_is_taken_up_again() {
    let Some(server) = Server::start() else {
        return;
    };
    let bytes = content(4 << 20);
    block_on(async {
        let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
        let pack = artifact(Content::Bytes(bytes.clone().into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        // Two connections break after a megabyte each; the third one brings the rest.
        let relay = Relay::start(server.port, 2, 1 << 20);
        let (registry, from) = (
            connect(relay.port, Credentials::Anonymous),
            reference(relay.port, "acme/pack:1.0"),
        );
        let mut file = tempfile::tempfile().unwrap();
        registry
            .pull_blob(&from, &pushed.layers[0], &mut file, 1 << 30, &silent)
            .await
            .unwrap();
        assert_eq!(relay.broken.load(Ordering::SeqCst), 2);
        // What had come was kept: far less than three times the blob was sent.
        assert!(relay.relayed.load(Ordering::SeqCst) < 2 * bytes.len());
        assert_eq!(read(file), bytes);
    });
}

#[test]
fn a_changed_blob_is_refused_and_nothing_of_it_is_kept() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    block_on(async {
        let pack = artifact(Content::Bytes(content(50_000).into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        let layer = &pushed.layers[0];
        let mut changed = content(50_000);
        changed[40_000] ^= 1;
        std::fs::write(server.blob(&layer.digest), &changed).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let error = registry
            .pull_blob(&to, layer, &mut file, 1 << 30, &silent)
            .await
            .unwrap_err();
        assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
        assert_eq!(file.metadata().unwrap().len(), 0);
        // A longer one is not read to its end.
        std::fs::write(server.blob(&layer.digest), content(60_000)).unwrap();
        let error = registry
            .pull_blob(&to, layer, &mut file, 1 << 30, &silent)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not what it claims"), "{error}");
        // One that ends too early is never taken for the whole; what came of it is kept.
        std::fs::write(server.blob(&layer.digest), &content(50_000)[..30_000]).unwrap();
        let error = registry
            .pull_blob(&to, layer, &mut file, 1 << 30, &silent)
            .await
            .unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert_eq!(file.metadata().unwrap().len(), 30_000);
    });
}

#[test]
fn a_forged_beginning_is_found_out() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    let bytes = content(50_000);
    block_on(async {
        let pack = artifact(Content::Bytes(bytes.clone().into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partial");
        for held in [vec![0; 10_000], vec![0; 50_000], vec![0; 60_000]] {
            std::fs::write(&path, &held).unwrap();
            let mut file = File::options().read(true).write(true).open(&path).unwrap();
            let pulled = registry
                .pull_blob(&to, &pushed.layers[0], &mut file, 1 << 30, &silent)
                .await;
            if held.len() > bytes.len() {
                pulled.unwrap();
                continue;
            }
            let error = pulled.unwrap_err();
            assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
            // The next call begins anew and succeeds.
            registry
                .pull_blob(&to, &pushed.layers[0], &mut file, 1 << 30, &silent)
                .await
                .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    });
}

#[test]
fn a_tag_that_is_moved_does_not_move_what_was_asked_for_by_digest() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    block_on(async {
        let good = artifact(Content::Bytes("the good one".into()));
        let good = registry.push(&to, good, &silent).await.unwrap();
        let evil = artifact(Content::Bytes("the evil one".into()));
        let evil = registry.push(&to, evil, &silent).await.unwrap();
        assert_eq!(registry.pull_manifest(&to).await.unwrap(), evil);
        let both = format!("{to}@{}", good.digest).parse().unwrap();
        assert_eq!(registry.pull_manifest(&both).await.unwrap(), good);
        // A manifest in the place of another one is found out.
        std::fs::copy(server.blob(&evil.digest), server.blob(&good.digest)).unwrap();
        let error = registry.pull_manifest(&both).await.unwrap_err();
        assert!(!error.may_pass(), "{error}");
    });
}

#[test]
fn what_is_too_large_is_not_pulled() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/pack:1.0"));
    block_on(async {
        let pack = artifact(Content::Bytes(content(50_000).into()));
        let pushed = registry.push(&to, pack, &silent).await.unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let pulled = registry.pull_blob(&to, &pushed.layers[0], &mut file, 49_999, &silent);
        let error = pulled.await.unwrap_err();
        assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
        let error = registry
            .pull_small(&to, &pushed.layers[0], 10)
            .await
            .unwrap_err();
        assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    });
}

#[test]
fn what_is_not_there_is_named() {
    let Some(server) = Server::start() else {
        return;
    };
    let (registry, to) = (server.connect(), server.reference("acme/none:1.0"));
    block_on(async {
        let error = registry.pull_manifest(&to).await.unwrap_err();
        assert!(error.to_string().contains("acme/none:1.0"), "{error}");
        assert!(!error.may_pass());
    });
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    block_on(async {
        let registry = connect(port, Credentials::Anonymous);
        let error = registry
            .pull_manifest(&reference(port, "a:1"))
            .await
            .unwrap_err();
        assert!(error.may_pass());
        assert!(error.to_string().contains("refused"), "{error}");
    });
}
