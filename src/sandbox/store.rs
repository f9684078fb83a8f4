//! The database file: rows in, rows out, every write on disk before it is answered.
//!
//! The APIs keep their state in memory, in the order of their lists; this file keeps what survives a kill. One thread writes: it
//! takes all the batches that wait and commits them together, so that many requests share one flush to disk. Batches are
//! queued under the lock that changed the memory, so the file sees them in the same order. A read may see a write that is on its way to
//! the disk; the writer's own answer waits for it. It knows nothing of what a row means.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::oneshot;

use super::SandboxError;

/// Bytes by name and number. One type for all tables: each further one is compiled in as a tree of its own.
type Table = TableDefinition<'static, (&'static str, u64), &'static [u8]>;
/// The rows, as JSON, by API and number.
const ROWS: Table = TableDefinition::new("rows");
/// The number after the highest that an API ever used, so that a deleted row's id is not given again: eight bytes, the lowest first, by API
/// and 0.
const NEXT: Table = TableDefinition::new("next");
/// What exists besides rows, and the format of the file, by name and 0.
const META: Table = TableDefinition::new("meta");

const FORMAT: &[u8] = b"assignctl sandbox 2";
/// How much may wait for one commit: enough to share a flush, little enough to answer soon.
const GROUP: usize = 512;
/// The file is read once, at the start: what redb caches after that only helps its own tree.
const CACHE: usize = 32 << 20;

/// One change to the file.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Put { api: &'static str, number: u64, row: Vec<u8> },
    Delete { api: &'static str, number: u64 },
    Meta { name: &'static str, value: Vec<u8> },
}

/// A row's number, and its JSON.
pub(super) type Row = (u64, Vec<u8>);

/// What a file held when it was opened.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The seed without its rows; nothing in a new file.
    pub catalogue: Option<Vec<u8>>,
    /// Partium's catalog status.
    pub status: Option<Vec<u8>>,
    /// By API.
    pub rows: Vec<(String, Vec<Row>)>,
    pub next: Vec<(String, u64)>,
}

struct Batch {
    ops: Vec<Op>,
    done: oneshot::Sender<Result<(), String>>,
}

/// The database, or nothing where the state lives in memory only.
pub(super) struct Store {
    queue: Mutex<Option<mpsc::Sender<Batch>>>,
    writer: Mutex<Option<JoinHandle<Option<String>>>>,
    /// The file; nothing where the state lives in memory.
    path: Option<PathBuf>,
}

/// A write that is on its way to the disk.
pub(super) struct Pending(Option<oneshot::Receiver<Result<(), String>>>);

impl Pending {
    /// Waits until the write is on disk.
    pub(super) async fn committed(self) -> Result<(), String> {
        match self.0 {
            None => Ok(()),
            Some(done) => done.await.unwrap_or_else(|_| Err("the state file is closed".to_owned())),
        }
    }
}

impl Store {
    /// State that ends with the process.
    pub(super) fn memory() -> Self {
        Self { queue: Mutex::new(None), writer: Mutex::new(None), path: None }
    }

    /// Opens or creates the file and reads all that is in it.
    pub(super) fn open(path: &Path) -> Result<(Self, Contents), SandboxError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| state_error(path, error))?;
        }
        let database =
            Database::builder().set_cache_size(CACHE).create(path).map_err(|error| open_error(path, error))?;
        let contents = read_all(&database, path)?;
        let (queue, batches) = mpsc::channel();
        let writer = std::thread::Builder::new()
            .name("sandbox-state".to_owned())
            .spawn(move || write_batches(&database, &batches))
            .map_err(|error| state_error(path, error))?;
        let store =
            Self { queue: Mutex::new(Some(queue)), writer: Mutex::new(Some(writer)), path: Some(path.to_owned()) };
        Ok((store, contents))
    }

    /// Queues a write. Call it under the lock that guards the memory which was changed.
    pub(super) fn write(&self, ops: Vec<Op>) -> Pending {
        if self.path.is_none() || ops.is_empty() {
            return Pending(None);
        }
        let (done, receiver) = oneshot::channel();
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            // A closed queue drops the batch with its sender, and the receiver tells so.
            let _ = queue.send(Batch { ops, done });
        }
        Pending(Some(receiver))
    }

    /// Writes what waits and closes the file. An error tells that a commit failed at some time.
    pub(super) fn close(&self) -> Result<(), SandboxError> {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread ends by itself once the queue is closed; it does not panic.
        match (writer.and_then(|writer| writer.join().ok().flatten()), &self.path) {
            (Some(message), Some(path)) => Err(SandboxError::State { path: path.clone(), message }),
            _ => Ok(()),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Whoever wants to know asks before.
        let _ = self.close();
    }
}

/// Commits until the queue is closed; gives the reason of the first commit that failed.
fn write_batches(database: &Database, batches: &mpsc::Receiver<Batch>) -> Option<String> {
    // After one failed commit the memory is ahead of the file: every later write is refused with the same reason.
    let mut broken: Option<String> = None;
    while let Ok(first) = batches.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(more) = batches.try_recv()
        {
            group.push(more);
        }
        if broken.is_none()
            && let Err(error) = commit(database, &group)
        {
            broken = Some(error.to_string());
        }
        for batch in group {
            // A client that went away no longer waits for its answer.
            let _ = batch.done.send(broken.clone().map_or(Ok(()), Err));
        }
    }
    broken
}

fn commit(database: &Database, group: &[Batch]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        let mut next = transaction.open_table(NEXT)?;
        let mut meta = transaction.open_table(META)?;
        let mut highest: Vec<(&str, u64)> = Vec::new();
        for op in group.iter().flat_map(|batch| &batch.ops) {
            match op {
                Op::Put { api, number, row } => {
                    rows.insert((*api, *number), row.as_slice())?;
                    note(&mut highest, api, *number);
                }
                Op::Delete { api, number } => drop(rows.remove((*api, *number))?),
                Op::Meta { name, value } => drop(meta.insert((*name, 0), value.as_slice())?),
            }
        }
        for (api, number) in highest {
            let known = next.get((api, 0))?.map_or(Some(0), |value| number_of(value.value()));
            let known = known.ok_or_else(|| redb::Error::Corrupted(format!("the next id of {api}")))?;
            if number >= known {
                next.insert((api, 0), (number + 1).to_le_bytes().as_slice())?;
            }
        }
        meta.insert(("format", 0), FORMAT)?;
    }
    transaction.commit()?;
    Ok(())
}

/// What [`NEXT`] holds.
fn number_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().map(u64::from_le_bytes).ok()
}

fn note<'a>(highest: &mut Vec<(&'a str, u64)>, api: &'a str, number: u64) {
    match highest.iter_mut().find(|(name, _)| *name == api) {
        Some((_, known)) => *known = number.max(*known),
        None => highest.push((api, number)),
    }
}

fn read_all(database: &Database, path: &Path) -> Result<Contents, SandboxError> {
    read_tables(database).map_err(|error| match error {
        ReadError::Foreign => SandboxError::StateFormat { path: path.to_owned() },
        ReadError::Database(error) => state_error(path, error),
    })
}

enum ReadError {
    Foreign,
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for ReadError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

fn read_tables(database: &Database) -> Result<Contents, ReadError> {
    let transaction = database.begin_read()?;
    let mut contents = Contents::default();
    if transaction.list_tables()?.next().is_none() {
        return Ok(contents);
    }
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(_) => return Err(ReadError::Foreign),
    };
    let about = |name| Ok::<_, redb::Error>(meta.get((name, 0))?.map(|value| value.value().to_vec()));
    if about("format")?.is_none_or(|format| format != FORMAT) {
        return Err(ReadError::Foreign);
    }
    contents.catalogue = about("catalogue")?;
    contents.status = about("partium/status")?;
    for row in transaction.open_table(ROWS)?.iter()? {
        let (key, value) = row?;
        let ((api, number), value) = (key.value(), value.value().to_vec());
        match contents.rows.last_mut() {
            Some((last, rows)) if last == api => rows.push((number, value)),
            _ => contents.rows.push((api.to_owned(), vec![(number, value)])),
        }
    }
    for row in transaction.open_table(NEXT)?.iter()? {
        let (key, value) = row?;
        let number = number_of(value.value()).ok_or(ReadError::Foreign)?;
        contents.next.push((key.value().0.to_owned(), number));
    }
    Ok(contents)
}

fn open_error(path: &Path, error: redb::DatabaseError) -> SandboxError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => SandboxError::StateInUse { path: path.to_owned() },
        error => state_error(path, error),
    }
}

fn state_error(path: &Path, error: impl std::fmt::Display) -> SandboxError {
    SandboxError::State { path: PathBuf::from(path), message: error.to_string() }
}
