//! A generator: appends lines to files at a set rate.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often something is appended.
const STEP: Duration = Duration::from_millis(5);

/// What is appended, and how fast.
pub(crate) struct Load {
    /// Whole lines, again and again.
    pub(crate) lines: Arc<Vec<Vec<u8>>>,
    /// Lines a second, all files together.
    pub(crate) rate: f64,
    /// The files, in turn.
    pub(crate) files: Vec<PathBuf>,
}

/// A generator that runs.
pub(crate) struct Feed {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<()>>,
}

pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl Feed {
    pub(crate) fn start(load: Load) -> io::Result<Feed> {
        let (stop, written) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let files = load.files.iter().map(|path| append(path));
        let mut files: Vec<File> = files.collect::<Result<_, _>>()?;
        let thread = std::thread::spawn({
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            move || {
                let began = Instant::now();
                let (mut done, mut turn) = (0_u64, 0);
                while !stop.load(Ordering::Relaxed) {
                    let due = (began.elapsed().as_secs_f64() * load.rate) as u64;
                    let mut text = Vec::new();
                    for number in done..due {
                        text.extend_from_slice(&load.lines[number as usize % load.lines.len()]);
                    }
                    if !text.is_empty() {
                        files[turn].write_all(&text)?;
                        turn = (turn + 1) % files.len();
                        written.store(due, Ordering::Release);
                        done = due;
                    }
                    std::thread::sleep(STEP);
                }
                Ok(())
            }
        });
        Ok(Feed {
            stop,
            written,
            thread,
        })
    }

    /// Lines that were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Stops it; how many lines it wrote.
    pub(crate) fn stop(self) -> io::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| io::Error::other("the generator panicked"))??;
        Ok(self.written.load(Ordering::Acquire))
    }
}
