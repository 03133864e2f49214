//! The bans in force on disk, so that a restart lifts none: a journal of lines, made small again at each start and when it has grown.
//!
//! Knows nothing of why an address is banned: the reason is a label. A line is written within moments of its ban, by a thread of its own;
//! the edge thread never waits for the disk. What finds no room on its way there, or cannot be written, is made good by writing all bans in
//! force anew, so that no lifted ban comes back. A line that cannot be read, as the last one after a power cut, is skipped and counted.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

mod line;

pub(crate) use line::{Kept, Line};
use line::{apply, put_line, read};

/// Name of the file in the data folder.
const NAME: &str = "bans.jsonl";
/// Bans that are kept at most: what the guard holds at most.
const BANS_MAX: usize = hillfort_guard::LADDER_MAX;
/// Lines after which the journal is made small again.
const LINES_MAX: usize = 8 * BANS_MAX;
/// Most bytes that are read of a journal: twice what [`LINES_MAX`] lines can have.
const BYTES_MAX: u64 = (2 * LINES_MAX * LINE_BYTES_MAX) as u64;
/// Longest line that is written.
const LINE_BYTES_MAX: usize = 512;
/// Orders that wait for the disk at most.
const QUEUE_DEPTH: usize = 1024;

/// What the writer is told.
#[derive(Debug)]
enum Order {
    Append(Line),
    /// These bans and no others.
    All(Vec<Kept>),
}

/// Where lines are given. Never blocks.
#[derive(Debug)]
pub(crate) struct Journal {
    orders: SyncSender<Order>,
    waiting: Arc<AtomicUsize>,
    /// Something was lost since the writer was last told all.
    behind: bool,
}

/// The writer's end of the queue.
#[derive(Debug)]
struct Orders {
    queue: Receiver<Order>,
    waiting: Arc<AtomicUsize>,
}

/// The thread that writes; ends when the last [`Journal`] is gone and everything is on disk.
#[derive(Debug)]
pub(crate) struct Writer(JoinHandle<()>);

/// What the journal holds: the bans that have not ended, and the lines that could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bans: Vec<Kept>,
    pub(crate) unreadable: usize,
}

/// The open file and what is in it.
#[derive(Debug)]
struct Store {
    path: PathBuf,
    file: File,
    /// Something could not be written: the file is not what it should be.
    stale: bool,
    lines: usize,
    bans: BTreeMap<IpAddr, Kept>,
}

/// Opens the journal in `folder`, makes it small, and starts its writer. `now_ms` is the wall clock: what has ended by it is left out.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn open(folder: &Path, now_ms: u64) -> io::Result<(Journal, Writer, Found)> {
    let (store, found) = Store::open(folder, now_ms)?;
    let (journal, orders) = queue();
    let thread = std::thread::Builder::new().name("bans".into()).spawn(move || write_all(store, &orders))?;
    Ok((journal, Writer(thread), found))
}

fn queue() -> (Journal, Orders) {
    let (orders, queue) = sync_channel(QUEUE_DEPTH);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Journal { orders, waiting: Arc::clone(&waiting), behind: false }, Orders { queue, waiting })
}

impl Journal {
    /// Hands a line to the writer. When too many wait it is lost, and all bans are wanted as soon as there is room again.
    pub(crate) fn put(&mut self, line: Line) {
        self.give(Order::Append(line));
    }

    /// Whether a line was lost, and there is room again to make it good.
    pub(crate) fn wants_all(&self) -> bool {
        self.behind && self.waiting.load(Ordering::Relaxed) <= QUEUE_DEPTH / 2
    }

    /// These bans are in force, and no others.
    pub(crate) fn put_all(&mut self, bans: Vec<Kept>) {
        self.behind = false;
        self.give(Order::All(bans));
    }

    fn give(&mut self, order: Order) {
        // Before it can be taken.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.orders.try_send(order).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.behind = true;
        }
    }
}

impl Writer {
    /// Waits until everything is written. The journal must be gone.
    pub(crate) fn finish(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer of bans panicked");
        }
    }
}

fn write_all(mut store: Store, orders: &Orders) {
    let mut told = false;
    while let Ok(first) = orders.queue.recv() {
        let batch: Vec<Order> = std::iter::once(first).chain(orders.queue.try_iter().take(QUEUE_DEPTH)).collect();
        orders.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        if let Err(error) = store.obey(batch)
            && !std::mem::replace(&mut told, true)
        {
            tracing::error!(%error, path = %store.path.display(), "bans are not kept on disk: a restart will forget them");
        }
    }
}

impl Store {
    fn open(folder: &Path, now_ms: u64) -> io::Result<(Self, Found)> {
        let path = folder.join(NAME);
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => drop(file.take(BYTES_MAX).read_to_end(&mut bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (mut bans, unreadable) = read(&bytes);
        tidy(&mut bans, now_ms);
        let file = replace(&path, &bans)?;
        let found = Found { bans: bans.values().cloned().collect(), unreadable };
        Ok((Self { lines: bans.len(), path, file, stale: false, bans }, found))
    }

    fn obey(&mut self, batch: Vec<Order>) -> io::Result<()> {
        let mut text = Vec::new();
        for order in batch {
            match order {
                Order::Append(line) => {
                    put_line(&mut text, &line)?;
                    self.lines += 1;
                    apply(&mut self.bans, line);
                }
                Order::All(bans) => {
                    self.bans = bans.into_iter().map(|ban| (ban.address, ban)).collect();
                    self.stale = true;
                }
            }
        }
        if self.bans.len() > 2 * BANS_MAX || self.lines > LINES_MAX {
            tidy(&mut self.bans, crate::ban_spread::unix_ms());
        }
        if self.stale || self.lines > LINES_MAX {
            self.stale = true;
            self.file = replace(&self.path, &self.bans)?;
            self.lines = self.bans.len();
            self.stale = false;
            return Ok(());
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        self.stale = written.is_err();
        written
    }
}

/// Leaves out what has ended, and of what is too much the first to end.
fn tidy(bans: &mut BTreeMap<IpAddr, Kept>, now_ms: u64) {
    bans.retain(|_, ban| ban.until_ms > now_ms);
    if bans.len() > BANS_MAX {
        let mut ends: Vec<(u64, IpAddr)> = bans.values().map(|ban| (ban.until_ms, ban.address)).collect();
        ends.sort_unstable();
        for (_, address) in &ends[..ends.len() - BANS_MAX] {
            bans.remove(address);
        }
    }
}

/// Writes a new journal beside the old one and takes its place in one step; returns it open for more.
fn replace(path: &Path, bans: &BTreeMap<IpAddr, Kept>) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut new = BufWriter::new(File::create(&beside)?);
    let mut text = Vec::new();
    for ban in bans.values() {
        put_line(&mut text, &Line::Ban(ban.clone()))?;
    }
    new.write_all(&text)?;
    new.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(last: u8, until_ms: u64) -> Kept {
        let address = IpAddr::from([198, 51, 100, last]);
        Kept {
            address,
            reason: "hello_mac".into(),
            count: 10,
            repeats: 1,
            first_ms: 1,
            last_ms: 2,
            until_ms,
            strangers_only: false,
        }
    }

    fn found(folder: &Path, now_ms: u64) -> Found {
        Store::open(folder, now_ms).unwrap().1
    }

    #[test]
    fn what_was_written_is_found_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, writer, before) = open(folder.path(), 0).unwrap();
        assert_eq!(before, Found::default());
        for line in [
            Line::Ban(ban(1, 100)),
            Line::Ban(ban(2, 200)),
            Line::Ban(ban(1, 300)),
            Line::Ban(ban(3, 400)),
            Line::Lift(ban(3, 0).address),
        ] {
            journal.put(line);
        }
        drop(journal);
        writer.finish();
        assert_eq!(found(folder.path(), 99).bans, [ban(1, 300), ban(2, 200)]);
        // Each start leaves out what has ended, at the edge too.
        assert_eq!(found(folder.path(), 200).bans, [ban(1, 300)]);
        assert_eq!(found(folder.path(), 0).bans, [ban(1, 300)]);
    }

    /// The disk stands still while more happens than can wait; a lift is among what finds no room. A restart must not bring its ban back.
    #[test]
    fn a_lift_that_found_no_room_is_made_good() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), 0).unwrap();
        let (mut journal, orders) = queue();
        (0..QUEUE_DEPTH).for_each(|n| journal.put(Line::Ban(ban(n as u8 % 2, 100))));
        assert!(!journal.wants_all(), "all found room");
        journal.put(Line::Lift(ban(1, 0).address));
        assert!(!journal.wants_all(), "no room to make it good");
        let writer = std::thread::spawn(move || write_all(store, &orders));
        while !journal.wants_all() {
            std::thread::yield_now();
        }
        journal.put_all(vec![ban(0, 100)]);
        assert!(!journal.wants_all());
        journal.put(Line::Ban(ban(2, 100)));
        drop(journal);
        writer.join().unwrap();
        assert_eq!(found(folder.path(), 0).bans, [ban(0, 100), ban(2, 100)]);
    }

    /// What could not be written is written with what comes next.
    #[test]
    fn a_disk_that_fails_for_a_while_loses_no_lift() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path(), 0).unwrap();
        store.obey(vec![Order::Append(Line::Ban(ban(1, 100)))]).unwrap();
        // A file that takes nothing.
        store.file = File::open(folder.path().join(NAME)).unwrap();
        assert!(store.obey(vec![Order::Append(Line::Lift(ban(1, 0).address))]).is_err());
        store.obey(vec![Order::Append(Line::Ban(ban(2, 100)))]).unwrap();
        assert_eq!(found(folder.path(), 0).bans, [ban(2, 100)]);
    }

    #[test]
    fn a_line_that_cannot_be_read_costs_no_other() {
        let check = |text: &str, bans: usize, unreadable: usize| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(NAME), text).unwrap();
            let found = found(folder.path(), 0);
            assert_eq!((found.bans.len(), found.unreadable), (bans, unreadable), "{text}");
        };
        let mut good = Vec::new();
        put_line(&mut good, &Line::Ban(ban(1, 100))).unwrap();
        assert!(good.len() < LINE_BYTES_MAX);
        let good = String::from_utf8(good).unwrap();
        check("", 0, 0);
        check(&good, 1, 0);
        check(&format!("{good}{}", &good[..20]), 1, 1);
        check(&format!("\n\nnonsense\n{{}}\n[]\n{good}"), 1, 3);
        check("{\"lift\":\"198.51.100.1\"}\n", 0, 0);
        check("{\"ban\":{\"address\":\"somewhere\"}}\n", 0, 1);
        check("\u{0}\u{1}\n", 0, 1);
    }

    #[test]
    fn more_bans_than_the_guard_holds_push_out_the_first_to_end() {
        let mut bans = BTreeMap::new();
        for n in 0..=BANS_MAX as u32 {
            let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            apply(&mut bans, Line::Ban(Kept { address, until_ms: u64::from(n) + 1, ..ban(1, 0) }));
        }
        tidy(&mut bans, 0);
        assert_eq!(bans.len(), BANS_MAX);
        assert!(!bans.contains_key(&IpAddr::from([10, 0, 0, 0])) && bans.contains_key(&IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn a_journal_that_has_grown_is_made_small() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path(), 0).unwrap();
        let far = u64::MAX - LINES_MAX as u64;
        store.obey((0..LINES_MAX as u64).map(|n| Order::Append(Line::Ban(ban(1, far + n)))).collect()).unwrap();
        let size = || std::fs::metadata(folder.path().join(NAME)).unwrap().len();
        let grown = size();
        store.obey(vec![Order::Append(Line::Ban(ban(2, far)))]).unwrap();
        assert!(size() < 1024 && grown > 100 * size());
        store.obey(vec![Order::Append(Line::Lift(ban(2, 0).address))]).unwrap();
        assert_eq!(found(folder.path(), 0).bans, [ban(1, u64::MAX - 1)]);
    }
}
