//! The rule, against the host in memory.

use boundary_rust::Boundary;
use palisade_sdk::testing::{Harness, json};

#[test]
fn much_data_to_a_cleartext_port_is_reported() {
    let manifest = include_str!("../plugin.toml");
    let mut plugin = Harness::<Boundary>::detector(manifest, &[]).unwrap();
    let flow = |port: u16, sent: u64| json!({ "src": { "ip": "10.0.0.1" }, "dst": { "port": port }, "bytes_out": sent });
    let found = plugin.evaluate(0, &[flow(23, 1000), flow(23, 1001), flow(443, 5000)]);
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].subject, "address:10.0.0.1");
    assert_eq!(found.findings[0].rows, [1]);
}
