//! A relay before a registry, which can break a transfer off.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A relay; its thread ends with the process.
pub(crate) struct Relay {
    pub(crate) port: u16,
    /// Connections that were broken off.
    pub(crate) broken: Arc<AtomicUsize>,
    /// Bytes that came from the registry.
    pub(crate) relayed: Arc<AtomicUsize>,
}

impl Relay {
    /// Passes everything on to `port`, and breaks the first `breaks` connections off once so
    /// many bytes have come back over them.
    pub(crate) fn start(port: u16, breaks: usize, after: usize) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let relay = Relay {
            port: listener.local_addr().expect("an address").port(),
            broken: Arc::default(),
            relayed: Arc::default(),
        };
        let (broken, relayed) = (Arc::clone(&relay.broken), Arc::clone(&relay.relayed));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    return;
                };
                let (broken, relayed) = (Arc::clone(&broken), Arc::clone(&relayed));
                let (mut up_from, mut up_to) = (
                    client.try_clone().expect("a second handle"),
                    server.try_clone().expect("a second handle"),
                );
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut up_from, &mut up_to);
                    let _ = up_to.shutdown(Shutdown::Write);
                });
                std::thread::spawn(move || {
                    let _ = down(server, client, breaks, after, &broken, &relayed);
                });
            }
        });
        relay
    }
}

fn down(
    mut server: TcpStream,
    mut client: TcpStream,
    breaks: usize,
    after: usize,
    broken: &AtomicUsize,
    relayed: &AtomicUsize,
) -> std::io::Result<()> {
    let mut part = vec![0; 16 << 10];
    let mut passed = 0;
    loop {
        let read = server.read(&mut part)?;
        if read == 0 {
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(&part[..read])?;
        passed += read;
        relayed.fetch_add(read, Ordering::SeqCst);
        if passed > after && broken.load(Ordering::SeqCst) < breaks {
            broken.fetch_add(1, Ordering::SeqCst);
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
    }
}
