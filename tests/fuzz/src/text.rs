//! JSON values of every kind, and compression.

use std::io::Write as _;

use arbitrary::{Result, Unstructured};

/// A JSON value, with a taste for what readers care about.
pub fn json(u: &mut Unstructured<'_>, depth: u8) -> Result<String> {
    const VALUES: [&str; 32] = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1e308",
        "18446744073709551616",
        "0.1",
        "65536",
        r#""10.0.0.1""#,
        r#""fe80::1%eth0""#,
        r#""::ffff:1.2.3.4""#,
        r#""2024-05-01T10:00:00Z""#,
        r#""2024-05-01T10:00:00.123456789+0200""#,
        r#""TCP""#,
        r#""tcp""#,
        r#""""#,
        r#""\u0000""#,
        r#""\ud800""#,
        r#""a.example.""#,
        r#""1700000000.123456""#,
        "1700000000.123456789",
        "-62135596800",
        r#""9999-12-31T23:59:60Z""#,
        r#""aa:bb:cc:dd:ee:ff""#,
        r#""ACK""#,
        "[]",
        "{}",
        r#"["a",1,null]"#,
        r#"{"a":{"b":[1]}}"#,
        r#""A""#,
        "4294967296",
    ];
    let kind: u8 = u.arbitrary()?;
    Ok(match kind {
        0..0x60 => VALUES[usize::from(kind) % VALUES.len()].to_owned(),
        0x60..0xa0 => {
            let length = usize::from(kind & 31).min(u.len());
            let text = String::from_utf8_lossy(u.bytes(length)?).into_owned();
            serde_json::Value::from(text).to_string()
        }
        0xa0..0xc0 => u.arbitrary::<i64>()?.to_string(),
        0xc0..0xd0 => format!("\"{}\"", "x".repeat(usize::from(kind & 15) * 90)),
        0xd0..0xe8 if depth > 0 => {
            let count = u.int_in_range(0..=4_u8)?;
            let items: Result<Vec<String>> = (0..count).map(|_| json(u, depth - 1)).collect();
            format!("[{}]", items?.join(","))
        }
        _ if depth > 0 => {
            let count = u.int_in_range(0..=4_u8)?;
            let items: Result<Vec<String>> = (0..count)
                .map(|n| Ok(format!("\"k{n}\":{}", json(u, depth - 1)?)))
                .collect();
            format!("{{{}}}", items?.join(","))
        }
        _ => "1".to_owned(),
    })
}

/// The bytes in gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = gzip.write_all(bytes);
    gzip.finish().unwrap_or_default()
}

/// The bytes in zstd.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Gives its bytes as a slow pipe does: few at a time.
pub struct Trickle(pub std::io::Cursor<Vec<u8>>, pub usize);

impl std::io::Read for Trickle {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(self.1.max(1));
        self.0.read(&mut to[..most])
    }
}
