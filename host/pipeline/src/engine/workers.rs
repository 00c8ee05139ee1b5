//! The threads that parse and evaluate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use palisade_events::{Panicked, contain};
use palisade_runtime::Fault;

use super::evaluate::{EvaluateOutput, EvaluateWorker, Spent};
use super::parse::{ParseOutput, ParseWorker};
use super::piece::Pieces;
use super::route::Routed;
use super::stage::Change;

/// What is done with a worker between two epochs.
type Visit = Box<dyn FnOnce(&mut ParseWorker, &mut EvaluateWorker) + Send>;

enum Job {
    Parse(Pieces),
    Evaluate(Arc<Routed>),
    Adopt(Box<Change>, Arc<[AtomicBool]>),
    Visit(Visit),
}

enum Done {
    Parsed(Box<ParseOutput>, Pieces),
    Evaluated(Box<EvaluateOutput>),
    Adopted(Changed),
    Visited,
    Panicked(Panicked),
}

/// What a change of generations came to on a worker.
pub(crate) struct Changed {
    pub(crate) took: Duration,
    /// Plugins, by position, that lost their state.
    pub(crate) lost: Vec<(usize, Fault)>,
    pub(crate) spent: Spent,
}

struct Worker {
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

/// Why the workers cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A thread could not be started.
    #[error("cannot start a worker thread: {0}")]
    Start(std::io::Error),
    /// The host panicked on a worker, and no plugin is to blame.
    #[error("worker {0} panicked: {1}")]
    Panicked(usize, Panicked),
    /// A thread ended by itself.
    #[error("worker {0} has ended unexpectedly; this is a defect of Palisade, please report it")]
    Gone(usize),
}

/// One thread for each shard. Jobs are done in the order in which they are given, and at most
/// two wait.
pub(crate) struct Workers {
    workers: Vec<Worker>,
    /// Whether an epoch is being evaluated.
    evaluating: bool,
    spare: Vec<Pieces>,
    /// Of each worker, the pieces that it has not parsed to the end.
    unparsed: Vec<Pieces>,
    held: Held,
}

/// Bytes that all workers hold together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// Of what plugins said since they were shown something.
    pub(crate) said: Arc<AtomicUsize>,
    /// Of what parsers returned since they were given something.
    pub(crate) parsed: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts a thread for each pair; the pairs are made before, in this thread.
    pub(crate) fn start(
        shards: Vec<(ParseWorker, EvaluateWorker)>,
        held: Held,
    ) -> Result<Workers, WorkerError> {
        let mut workers = Vec::with_capacity(shards.len());
        for (number, (mut parse, mut evaluate)) in shards.into_iter().enumerate() {
            let (jobs, work) = sync_channel::<Job>(2);
            let (report, done) = sync_channel(2);
            let body = move || {
                for job in work {
                    // What one plugin provokes is contained further down; this ends the run.
                    let result = contain(|| match job {
                        Job::Parse(pieces) => {
                            let output = parse.parse(&pieces);
                            Done::Parsed(Box::new(output), pieces)
                        }
                        Job::Evaluate(routed) => {
                            Done::Evaluated(Box::new(evaluate.evaluate(&routed)))
                        }
                        Job::Adopt(change, retired) => {
                            Done::Adopted(adopt(&mut parse, &mut evaluate, *change, retired))
                        }
                        Job::Visit(visit) => {
                            visit(&mut parse, &mut evaluate);
                            Done::Visited
                        }
                    });
                    let result = result.unwrap_or_else(Done::Panicked);
                    if report.send(result).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new()
                .name(format!("palisade-{number}"))
                .spawn(body)
                .map_err(WorkerError::Start)?;
            workers.push(Worker {
                jobs: Some(jobs),
                done,
                thread: Some(thread),
            });
        }
        Ok(Workers {
            workers,
            evaluating: false,
            spare: Vec::new(),
            unparsed: Vec::new(),
            held,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.workers.len()
    }

    /// An empty list for each worker, with memory from before.
    pub(crate) fn pieces(&mut self) -> Vec<Pieces> {
        let mut lists = std::mem::take(&mut self.spare);
        lists.resize_with(self.len(), Pieces::default);
        lists
    }

    /// Takes back empty lists.
    pub(crate) fn give_back(&mut self, pieces: Vec<Pieces>) {
        self.spare = pieces;
    }

    /// Goes on with the pieces that are not parsed to the end, and waits for it.
    pub(crate) fn parse_on(
        &mut self,
    ) -> Result<(Vec<ParseOutput>, Option<Vec<EvaluateOutput>>), WorkerError> {
        let mut pieces = std::mem::take(&mut self.unparsed);
        pieces.resize_with(self.len(), Pieces::default);
        self.parse(pieces)
    }

    /// Parses an epoch's pieces, and waits for it.
    pub(crate) fn parse(
        &mut self,
        pieces: Vec<Pieces>,
    ) -> Result<(Vec<ParseOutput>, Option<Vec<EvaluateOutput>>), WorkerError> {
        self.held.parsed.store(0, Ordering::Relaxed);
        for (number, (worker, pieces)) in self.workers.iter().zip(pieces).enumerate() {
            worker.send(number, Job::Parse(pieces))?;
        }
        // What was evaluated before comes out first.
        let evaluated = self.collect()?;
        let mut outputs = Vec::with_capacity(self.workers.len());
        self.unparsed.clear();
        for (number, worker) in self.workers.iter().enumerate() {
            match worker.done.recv() {
                Ok(Done::Parsed(output, mut pieces)) => {
                    if output.rest.is_some() {
                        self.unparsed.push(pieces);
                    } else {
                        pieces.clear(self.workers.len());
                        self.spare.push(pieces);
                        self.unparsed.push(Pieces::default());
                    }
                    outputs.push(*output);
                }
                Ok(Done::Panicked(panicked)) => {
                    return Err(WorkerError::Panicked(number, panicked));
                }
                _ => return Err(WorkerError::Gone(number)),
            }
        }
        Ok((outputs, evaluated))
    }

    /// Begins to evaluate an epoch. The one before must have been collected.
    pub(crate) fn evaluate(&mut self, routed: &Arc<Routed>) -> Result<(), WorkerError> {
        debug_assert!(!self.evaluating);
        self.held.said.store(0, Ordering::Relaxed);
        for (number, worker) in self.workers.iter().enumerate() {
            worker.send(number, Job::Evaluate(Arc::clone(routed)))?;
        }
        self.evaluating = true;
        Ok(())
    }

    /// Goes over to another generation, of which `retired` parsers are in quarantine, and waits
    /// for it. Nothing may be under way.
    pub(crate) fn adopt(
        &mut self,
        changes: Vec<Change>,
        retired: &Arc<[AtomicBool]>,
    ) -> Result<Vec<Changed>, WorkerError> {
        debug_assert!(!self.evaluating);
        for (number, (worker, change)) in self.workers.iter().zip(changes).enumerate() {
            worker.send(number, Job::Adopt(Box::new(change), Arc::clone(retired)))?;
        }
        let mut all = Vec::with_capacity(self.workers.len());
        for (number, worker) in self.workers.iter().enumerate() {
            match worker.done.recv() {
                Ok(Done::Adopted(changed)) => all.push(changed),
                Ok(Done::Panicked(panicked)) => {
                    return Err(WorkerError::Panicked(number, panicked));
                }
                _ => return Err(WorkerError::Gone(number)),
            }
        }
        Ok(all)
    }

    /// Does something with every worker at once, while none of them evaluates, and waits for it;
    /// what came of it, by worker.
    pub(crate) fn visit<R: Send + 'static>(
        &mut self,
        visit: impl Fn(usize, &mut ParseWorker, &mut EvaluateWorker) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, WorkerError> {
        debug_assert!(!self.evaluating);
        let visit = Arc::new(visit);
        let mut visited = Vec::with_capacity(self.workers.len());
        for (number, worker) in self.workers.iter().enumerate() {
            let (visit, (tell, told)) = (Arc::clone(&visit), sync_channel(1));
            let job: Visit = Box::new(move |parse, evaluate| {
                // Nobody hears it where the engine is gone.
                let _ = tell.send(visit(number, parse, evaluate));
            });
            worker.send(number, Job::Visit(job))?;
            visited.push(told);
        }
        let mut results = Vec::with_capacity(self.workers.len());
        for (number, (worker, told)) in self.workers.iter().zip(visited).enumerate() {
            match (worker.done.recv(), told.recv()) {
                (Ok(Done::Visited), Ok(result)) => results.push(result),
                (Ok(Done::Panicked(panicked)), _) => {
                    return Err(WorkerError::Panicked(number, panicked));
                }
                _ => return Err(WorkerError::Gone(number)),
            }
        }
        Ok(results)
    }

    /// Waits for the epoch that is being evaluated, if there is one.
    pub(crate) fn collect(&mut self) -> Result<Option<Vec<EvaluateOutput>>, WorkerError> {
        if !std::mem::take(&mut self.evaluating) {
            return Ok(None);
        }
        let mut outputs = Vec::with_capacity(self.workers.len());
        for (number, worker) in self.workers.iter().enumerate() {
            match worker.done.recv() {
                Ok(Done::Evaluated(output)) => outputs.push(*output),
                Ok(Done::Panicked(panicked)) => {
                    return Err(WorkerError::Panicked(number, panicked));
                }
                _ => return Err(WorkerError::Gone(number)),
            }
        }
        Ok(Some(outputs))
    }
}

/// Changes both halves of a worker over.
fn adopt(
    parse: &mut ParseWorker,
    evaluate: &mut EvaluateWorker,
    change: Change,
    retired: Arc<[AtomicBool]>,
) -> Changed {
    let began = Instant::now();
    let (lost, seats) = evaluate.adopt(change.terms, change.seats);
    let instances = parse.adopt(change.parsers, retired);
    Changed {
        took: began.elapsed(),
        lost,
        spent: Spent::new((seats, instances)),
    }
}

impl Worker {
    fn send(&self, number: usize, job: Job) -> Result<(), WorkerError> {
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(WorkerError::Gone(number)),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A worker that panicked was reported as gone.
            let _ = thread.join();
        }
    }
}
