use std::io::Write;

use flate2::write::GzEncoder;

use super::*;

const LINE: &[u8] = b"{\"_path\":\"dns\",\"ts\":1}\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn read(bytes: Vec<u8>, limits: &Limits) -> (Input, Result<Vec<u8>, String>) {
    let mut input = open("x", Cursor::new(bytes), limits).unwrap();
    let mut plain = Vec::new();
    let read = input
        .stream
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string());
    (input, read.map(|_| plain))
}

#[test]
fn a_zstd_frame_demands_no_larger_window_than_is_given() {
    // A frame of one raw block: what its window is, in eighths of a power of two, stands in the
    // byte behind the magic number and the flags.
    let frame = |window: u8| {
        let block = ((LINE.len() as u32) << 3 | 1).to_le_bytes();
        [&[0x28, 0xb5, 0x2f, 0xfd, 0, window], &block[..3], LINE].concat()
    };
    let limits = Limits {
        max_window: 1 << 20,
        ..Limits::default()
    };
    let mebibyte = 10 << 3;
    assert_eq!(read(frame(mebibyte), &limits).1.as_deref(), Ok(LINE));
    let refused = match open("x", Cursor::new(frame(mebibyte + 1)), &limits) {
        Err(error) => error.to_string(),
        Ok(_) => read(frame(mebibyte + 1), &limits).1.unwrap_err(),
    };
    let demands = format!("a window of {} bytes", (1 << 20) + (1 << 17));
    assert!(refused.contains(&demands), "{refused}");
    assert!(refused.contains("--memory"), "{refused}");
}

#[test]
fn compression_is_undone_up_to_two_layers() {
    use Compression::{Gzip, Zstd};
    let two = [gzip(LINE), gzip(LINE)].concat();
    let frames = [
        zstd(LINE),
        b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
        zstd(LINE),
    ]
    .concat();
    let cases = [
        (LINE.to_vec(), vec![], 1),
        (gzip(LINE), vec![Gzip], 1),
        (zstd(LINE), vec![Zstd], 1),
        (two, vec![Gzip], 2),
        (frames, vec![Zstd], 2),
        (zstd(&gzip(LINE)), vec![Zstd, Gzip], 1),
        (gzip(&gzip(LINE)), vec![Gzip, Gzip], 1),
    ];
    for (bytes, compression, times) in cases {
        let len = bytes.len() as u64;
        let (input, plain) = read(bytes, &Limits::default());
        assert_eq!(input.compression, compression);
        assert_eq!(plain.unwrap(), LINE.repeat(times));
        assert_eq!(input.consumed.get(), len);
    }
    let thrice = gzip(&gzip(&gzip(LINE)));
    let error = open("x", Cursor::new(thrice), &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x` is compressed 3 times or more; at most 2 are undone"
    );
}

#[test]
fn padding_is_no_damage_and_what_else_comes_behind_is_told() {
    let frame = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for packed in [gzip(LINE), zstd(LINE)] {
        let zeros = vec![0; 100_000];
        for (bytes, times) in [
            ([packed.clone(), zeros.clone()].concat(), 1),
            ([packed.clone(), zeros.clone(), packed.clone()].concat(), 2),
            ([packed.clone(), vec![0]].concat(), 1),
        ] {
            let len = bytes.len() as u64;
            let (input, plain) = read(bytes, &Limits::default());
            assert_eq!(plain.unwrap(), LINE.repeat(times));
            assert_eq!(input.remarks.take(), [""; 0]);
            assert_eq!(input.consumed.get(), len);
        }
        for behind in ["this is no member", "\x1fthis is no member", "\n"] {
            if packed[0] != 0x1f && behind.starts_with('\x1f') {
                continue;
            }
            let bytes = [packed.as_slice(), behind.as_bytes()].concat();
            let (input, plain) = read(bytes, &Limits::default());
            assert_eq!(plain.unwrap(), LINE, "{behind}");
            let remarks = input.remarks.take();
            assert_eq!(remarks.len(), 1);
            assert!(remarks[0].contains("are left out"), "{}", remarks[0]);
        }
        // A further member that is cut off is damage.
        for cut in 1..packed.len() - 1 {
            let bytes = [&packed, &packed[..cut]].concat();
            assert!(read(bytes, &Limits::default()).1.is_err(), "{cut}");
        }
    }
    let (input, plain) = read([zstd(LINE), frame].concat(), &Limits::default());
    assert_eq!(
        (plain.unwrap(), input.remarks.take().len()),
        (LINE.to_vec(), 0)
    );
}

#[test]
fn text_in_utf16_is_turned_whatever_the_steps() {
    use std::io::Read as _;
    let text = "{\u{1f600}é}\u{d7ff}\n".repeat(7);
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().copied().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units.iter().copied().flat_map(u16::to_be_bytes).collect();
    for (bytes, order) in [(little, Order::Little), (big, Order::Big)] {
        for step in 1..9 {
            let chunks = bytes.chunks(step).map(|chunk| Cursor::new(chunk.to_vec()));
            let from = chunks.fold(Box::new(io::empty()) as Box<dyn Read>, |before, next| {
                Box::new(before.chain(next))
            });
            let mut read = String::new();
            Utf16::new(from, order).read_to_string(&mut read).unwrap();
            assert_eq!(read, text);
        }
        let mut odd = String::new();
        let cut = &bytes[..3];
        Utf16::new(cut, order).read_to_string(&mut odd).unwrap();
        assert_eq!(odd, "{\u{fffd}");
    }
}

#[test]
fn a_live_input_is_recognised_by_its_first_line() {
    let zipped = [gzip(LINE), zstd(LINE)];
    for (bytes, plain) in [(LINE, LINE), (&zipped[0], LINE), (&zipped[1], LINE)] {
        let (from, mut to) = io::pipe().unwrap();
        to.write_all(bytes).unwrap();
        // The pipe stays open: a reader that wants more would wait for ever.
        let mut input = open_live("x", from, &Limits::default()).unwrap();
        assert!(input.live);
        let mut read = vec![0; plain.len()];
        input.stream.read_exact(&mut read).unwrap();
        assert_eq!(read, plain);
        drop(to);
    }
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = [LINE, &[b' '; 1 << 19]].concat();
    let limits = Limits {
        max_ratio: 100,
        free_output: 1 << 16,
        ..Limits::default()
    };
    let (_, plain) = read(gzip(&zeros), &limits);
    assert!(plain.unwrap_err().contains("more than 100 bytes for each"));
    let limits = Limits {
        max_output: 1 << 18,
        ..Limits::default()
    };
    assert!(read(zstd(&zeros), &limits).1.is_err());
    // Each layer alone is within the limit, both together are not.
    let limits = Limits {
        max_ratio: 1_000,
        free_output: 1 << 16,
        ..Limits::default()
    };
    assert!(read(gzip(&zeros), &limits).1.is_ok());
    let bomb = gzip(&gzip(&[LINE, &[b' '; 4 << 20]].concat()));
    assert!(read(bomb, &limits).1.is_err());
}

#[test]
fn what_can_be_read_of_a_broken_stream_is_read() {
    let many = LINE.repeat(6_000);
    for whole in [gzip(&many), zstd(&many)] {
        for cut in (64..whole.len()).step_by(whole.len() / 7) {
            let mut input = match open("x", Cursor::new(whole[..cut].to_vec()), &Limits::default())
            {
                Ok(input) => input,
                Err(OpenError::Read { .. } | OpenError::Empty(_)) => continue,
                Err(error) => panic!("{error}"),
            };
            let mut plain = Vec::new();
            assert!(input.stream.read_to_end(&mut plain).is_err());
            assert!(many.starts_with(&plain) && !plain.is_empty());
        }
    }
}

#[test]
fn a_wrong_checksum_is_found() {
    let mut bytes = zstd(LINE);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    // Only a frame that has a checksum can be told to be wrong.
    if bytes[4] & 4 != 0 {
        assert!(
            read(bytes, &Limits::default())
                .1
                .unwrap_err()
                .contains("checksum")
        );
    }
}

#[test]
fn nothing_and_unknown() {
    let error = |bytes: &[u8]| {
        open("a.log", Cursor::new(bytes.to_vec()), &Limits::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(b""), "`a.log` is empty; there is nothing to read");
    assert_eq!(
        error(b" \n\n"),
        "`a.log` is empty; there is nothing to read"
    );
    assert_eq!(
        error(&gzip(b"")),
        "`a.log` is empty; there is nothing to read"
    );
    let unknown = error(b"hello");
    assert!(
        unknown.contains("begins with `hello`")
            && unknown.contains("Zeek logs in JSON or in columns")
    );
}

#[test]
fn a_hole_of_4_gib_is_passed_over_and_no_larger_one() {
    let behind = |zeros: u64| {
        let stream = io::repeat(0).take(zeros).chain(Cursor::new(LINE));
        open("x", stream, &Limits::default())
    };
    let mut input = behind(4 << 30).unwrap();
    let mut line = Vec::new();
    input.stream.read_to_end(&mut line).unwrap();
    assert!(line.ends_with(LINE), "{} bytes", line.len());
    let refused = behind((4 << 30) + PEEK as u64).err();
    assert!(
        matches!(refused, Some(OpenError::Unknown { .. })),
        "{refused:?}"
    );
}
