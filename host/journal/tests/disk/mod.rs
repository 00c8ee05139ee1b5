//! A disk that fails, and machines that stop.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use palisade_journal::{Files, SegmentFile};

/// A disk that can be stopped and made to fail.
#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) files: BTreeMap<String, File>,
    /// Operations until one fails, and how; `None`: none does.
    fails: Option<(u32, Failure)>,
    /// Which files the folder is known to have.
    known: Vec<String>,
    /// Files that were given another name since.
    renamed: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// No room.
    Full,
    /// The disk cannot.
    Broken,
    /// Half of a write is done, then the disk cannot.
    Short,
}

#[derive(Clone, Default)]
pub(crate) struct File {
    /// What is on the disk for sure.
    synced: Vec<u8>,
    /// What a read sees.
    seen: Vec<u8>,
    /// Writes since the last sync.
    writes: Vec<(usize, Vec<u8>)>,
}

impl State {
    /// Counts an operation; the error when it is the one that fails.
    fn operation(&mut self) -> Result<(), (Failure, io::Error)> {
        let Some((left, failure)) = &mut self.fails else {
            return Ok(());
        };
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        let failure = *failure;
        self.fails = None;
        let number = match failure {
            Failure::Full => 28,
            Failure::Broken | Failure::Short => 5,
        };
        Err((failure, io::Error::from_raw_os_error(number)))
    }
}

struct Handle(Disk, String);

impl Disk {
    /// Stops the machine: of what was not synced, each write is there, half there or lost, as
    /// `chance` says.
    pub(crate) fn stop(&self, mut chance: impl FnMut() -> u8) {
        let mut state = self.0.lock().unwrap();
        let known = state.known.clone();
        for (from, to) in std::mem::take(&mut state.renamed) {
            if chance().is_multiple_of(2) {
                continue;
            }
            if let Some(file) = state.files.remove(&to) {
                state.files.insert(from, file);
            }
        }
        state
            .files
            .retain(|name, _| known.contains(name) || chance().is_multiple_of(2));
        for file in state.files.values_mut() {
            let mut there = file.synced.clone();
            for (at, bytes) in std::mem::take(&mut file.writes) {
                let kept = match chance() % 3 {
                    0 => bytes.len(),
                    1 => bytes.len() / 2,
                    _ => 0,
                };
                if there.len() < at + kept {
                    there.resize(at + kept, 0);
                }
                there[at..at + kept].copy_from_slice(&bytes[..kept]);
            }
            (file.synced, file.seen) = (there.clone(), there);
        }
        state.fails = None;
        state.known = state.files.keys().cloned().collect();
    }

    pub(crate) fn fail_after(&self, operations: u32, failure: Failure) {
        self.0.lock().unwrap().fails = Some((operations, failure));
    }

    pub(crate) fn bytes(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let file = state.files.get_mut(name).expect("the file is there");
        change(&mut file.synced);
        file.seen = file.synced.clone();
    }
}

impl Files for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }
    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        let zeros = vec![0; size as usize];
        let file = File {
            synced: zeros.clone(),
            seen: zeros,
            writes: Vec::new(),
        };
        state.files.insert(name.to_owned(), file);
        Ok(Box::new(Handle(self.clone(), name.to_owned())))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(Handle(self.clone(), name.to_owned())))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        let file = state.files.remove(from).expect("the file is there");
        // What was under the name is there until the folder is synced.
        let before = state.files.insert(to.to_owned(), file);
        assert!(before.is_none(), "nothing is replaced");
        state.renamed.push((from.to_owned(), to.to_owned()));
        Ok(())
    }
    fn written(&self, _: &str) -> io::Result<SystemTime> {
        Ok(SystemTime::UNIX_EPOCH)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        state.files.remove(name);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        state.known = state.files.keys().cloned().collect();
        state.renamed.clear();
        Ok(())
    }
}

impl SegmentFile for Handle {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        let (kept, result) = match state.operation() {
            Ok(()) => (bytes.len(), Ok(())),
            Err((Failure::Short, error)) => (bytes.len() / 2, Err(error)),
            Err((_, error)) => (0, Err(error)),
        };
        let file = state.files.get_mut(&self.1).unwrap();
        let at = offset as usize;
        let end = at + bytes.len();
        if file.seen.len() < end {
            file.seen.resize(end, 0);
        }
        file.seen[at..at + kept].copy_from_slice(&bytes[..kept]);
        file.writes.push((at, bytes[..kept].to_vec()));
        result
    }
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.0.0.lock().unwrap();
        let seen = &state.files[&self.1].seen;
        let rest = &seen[(offset as usize).min(seen.len())..];
        let read = rest.len().min(to.len());
        to[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().unwrap().files[&self.1].seen.len() as u64)
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        let file = state.files.get_mut(&self.1).unwrap();
        file.synced = file.seen.clone();
        file.writes.clear();
        Ok(())
    }
}
