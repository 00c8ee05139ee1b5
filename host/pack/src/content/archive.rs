//! Packs as one file: a tar archive, as such or compressed with zstd.

use std::io::{self, Read, Write};

use tar::{Archive, Builder, EntryType, Header};

use super::{ATTESTATIONS, Content, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES, too_large};
use crate::Refusal;

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What tar adds to a file at most: its header, a long name, padding.
const OVERHEAD: u64 = 4 * 512;

impl Content {
    /// Reads an archive to its end. Folders in it are passed over; links, devices and
    /// sparse files are refused. Never holds more than the limits of a pack.
    ///
    /// # Errors
    /// When it is not a tar archive, is cut off, or has what a pack may not have.
    pub fn read_archive(mut from: impl Read) -> Result<Content, Refusal> {
        let mut magic = Vec::with_capacity(4);
        from.by_ref()
            .take(4)
            .read_to_end(&mut magic)
            .map_err(broken)?;
        let compressed = magic == ZSTD;
        let from = io::Cursor::new(magic).chain(from);
        if compressed {
            let decoder =
                ruzstd::decoding::StreamingDecoder::new(from).map_err(|e| Refusal::Archive {
                    problem: e.to_string(),
                })?;
            read_tar(decoder)
        } else {
            read_tar(from)
        }
    }

    /// Writes an archive: files sorted by path, attestations last, no time and no owner, so
    /// that the same content is the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_archive(&self, to: impl Write) -> io::Result<()> {
        let mut builder = Builder::new(to);
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, bytes)
        };
        for (path, bytes) in self.files() {
            add(path.as_str(), bytes)?;
        }
        for (name, bytes) in self.attestations() {
            add(&format!("{ATTESTATIONS}/{name}"), bytes)?;
        }
        builder.into_inner()?.flush()
    }
}

fn read_tar(from: impl Read) -> Result<Content, Refusal> {
    let limit = MAX_TOTAL_BYTES + OVERHEAD * MAX_FILES as u64;
    let mut archive = Archive::new(from.take(limit));
    let mut content = Content::default();
    let mut entries = 0;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        entries += 1;
        if entries > 2 * MAX_FILES {
            return Err(too_large("the number of entries", 2 * MAX_FILES));
        }
        let raw = entry.path_bytes().into_owned();
        let path = String::from_utf8(raw).map_err(|e| Refusal::Path {
            path: String::from_utf8_lossy(e.as_bytes()).into_owned(),
            problem: "is not UTF-8".into(),
        })?;
        // Other tools write folders and `./`; neither changes which file is meant.
        let path = path.strip_prefix("./").unwrap_or(&path);
        match entry.header().entry_type() {
            EntryType::Regular => {}
            EntryType::GNUSparse => {
                return Err(Refusal::Link {
                    path: path.escape_default().to_string(),
                    found: "a sparse file".into(),
                });
            }
            EntryType::Directory => {
                let folder = path.strip_suffix('/').unwrap_or(path);
                if !folder.is_empty() && folder != "." {
                    crate::PackPath::new(folder)?;
                }
                continue;
            }
            other => {
                return Err(Refusal::Link {
                    path: path.escape_default().to_string(),
                    found: match other {
                        EntryType::Symlink => "a symbolic link",
                        EntryType::Link => "a hard link",
                        EntryType::Char | EntryType::Block => "a device",
                        EntryType::Fifo => "a pipe",
                        _ => "an entry of a type that only some tools know",
                    }
                    .to_owned(),
                });
            }
        }
        extensions(path, &mut entry)?;
        let size = entry.size();
        if size > MAX_FILE_BYTES {
            return Err(too_large(
                &format!("`{}`", path.escape_default()),
                format!("{MAX_FILE_BYTES} bytes"),
            ));
        }
        if content.total.saturating_add(size) > MAX_TOTAL_BYTES {
            return Err(too_large("the pack", format!("{MAX_TOTAL_BYTES} bytes")));
        }
        // The stated size is hostile: nothing is set aside for it in advance.
        let mut bytes = Vec::new();
        entry
            .by_ref()
            .take(size + 1)
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        if bytes.len() as u64 != size {
            return Err(Refusal::Archive {
                problem: format!("`{}` is cut off", path.escape_default()),
            });
        }
        content.add(path, bytes)?;
    }
    if entries == 0 {
        return Err(Refusal::Archive {
            problem: "it is empty or no tar archive".into(),
        });
    }
    // The rest is padding, or something that another tool would read.
    let mut rest = archive.into_inner();
    let mut block = [0; 4096];
    loop {
        match rest.read(&mut block).map_err(broken)? {
            0 => return Ok(content),
            n if block.iter().take(n).all(|b| *b == 0) => {}
            _ => return Err(Refusal::ArchiveTrailing),
        }
    }
}

/// Refuses what an extended header (PAX) says of a file that other tools would read otherwise:
/// that it is sparse, so that its content is a map and not what is there, and a field that is
/// given twice, of which each tool chooses another.
fn extensions(path: &str, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Refusal> {
    let Some(extensions) = entry.pax_extensions().map_err(broken)? else {
        return Ok(());
    };
    let mut seen = std::collections::BTreeSet::new();
    for extension in extensions {
        let key = extension.map_err(broken)?.key_bytes().to_owned();
        if key.starts_with(b"GNU.sparse.") {
            return Err(Refusal::Link {
                path: path.escape_default().to_string(),
                found: "a sparse file".into(),
            });
        }
        if !seen.insert(key) {
            return Err(Refusal::Archive {
                problem: format!(
                    "the extended header of `{}` has a field twice",
                    path.escape_default()
                ),
            });
        }
    }
    Ok(())
}

fn broken(error: io::Error) -> Refusal {
    // What is no archive is quoted by who reads it as one.
    let text = error.to_string();
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    Refusal::Archive {
        problem: match plain {
            true => text,
            false => "it is no tar archive".into(),
        },
    }
}
