//! Passwords: argon2id on threads of their own. Owns the format of hashes, the threads and the queue to them; knows nothing of whose
//! password it is.
//!
//! A hash takes some 30 ms and 19 MiB on purpose. So no IO thread computes one: a few threads do, each with its memory, and what does
//! not fit into the queue to them is refused at once. The check of a name that does not exist computes as much as any other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

/// Longest password that is looked at, in bytes.
pub const PASSWORD_MAX: usize = 1024;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Most memory that a stored hash may ask for, in KiB: it comes from the store, but a damaged one must not take the machine.
const MEMORY_KIB_MAX: u32 = 1 << 20;

/// What a hash costs, and how many may be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory of one hash in KiB. OWASP's least for argon2id is 19 MiB with two passes.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Threads that hash; each keeps `memory_kib`.
    pub threads: usize,
    /// Hashes that may wait for a thread.
    pub queue: usize,
}

impl Default for PasswordCost {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory_kib: 19_456, passes: 2, threads: (cores / 2).max(1), queue: 64 }
    }
}

/// Too many passwords wait already. The person may try again in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins with passwords at once: try again in a moment")]
pub struct Busy;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Not the password, or there is none.
    Wrong,
    /// The password.
    Right,
    /// The password, but hashed at another cost than today's: hash it anew.
    RightButOld,
}

/// What became of passwords.
#[derive(Debug, Default)]
pub struct PasswordStats {
    /// Hashes computed, for new passwords and for checks alike.
    pub computed: AtomicU64,
    /// Refused because too many waited.
    pub refused: AtomicU64,
}

/// The threads that hash.
#[derive(Debug)]
pub struct Passwords {
    /// What became of them.
    pub stats: Arc<PasswordStats>,
    queue: SyncSender<Job>,
    params: Params,
    /// A hash of nobody's password, checked for names that do not exist.
    nobody: Hash,
}

#[derive(Debug)]
struct Job {
    work: Work,
    password: Vec<u8>,
}

#[derive(Debug)]
enum Work {
    Hash(oneshot::Sender<String>),
    Check(Hash, oneshot::Sender<Checked>),
}

/// A stored hash, read.
#[derive(Debug, Clone)]
struct Hash {
    params: Params,
    salt: Vec<u8>,
    expect: Vec<u8>,
    /// Whether a match counts. A hash of nobody's password never does.
    counts: bool,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// `cost` is outside of what argon2 allows; says what is.
    pub fn start(cost: &PasswordCost) -> Result<Self, String> {
        if cost.memory_kib > MEMORY_KIB_MAX || cost.threads == 0 || cost.threads > 64 || cost.queue == 0 {
            return Err(format!("password hashing: at most {MEMORY_KIB_MAX} KiB, 1 to 64 threads, a queue of at least 1"));
        }
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(HASH_BYTES))
            .map_err(|why| format!("password hashing: {why} ({} KiB, {} passes)", cost.memory_kib, cost.passes))?;
        let (queue, jobs) = sync_channel(cost.queue);
        let jobs = Arc::new(Mutex::new(jobs));
        let stats = Arc::<PasswordStats>::default();
        for number in 0..cost.threads {
            let (jobs, params, stats) = (Arc::clone(&jobs), params.clone(), Arc::clone(&stats));
            thread::Builder::new()
                .name(format!("passwords-{number}"))
                .spawn(move || work(&jobs, &params, &stats))
                .map_err(|why| format!("password hashing: no thread: {why}"))?;
        }
        let nobody = Hash { params: params.clone(), salt: random(SALT_BYTES), expect: random(HASH_BYTES), counts: false };
        Ok(Self { stats, queue, params, nobody })
    }

    /// The PHC string of `password`, with a new salt.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn hash(&self, password: &str) -> Result<String, Busy> {
        let (done, hash) = oneshot::channel();
        self.submit(Work::Hash(done), password)?;
        hash.await.map_err(|_| Busy)
    }

    /// Whether `password` is the one of `stored`, a PHC string. Without one, or with one that cannot be read, the same work is done and
    /// the answer is [`Checked::Wrong`].
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn check(&self, password: &str, stored: Option<&str>) -> Result<Checked, Busy> {
        let hash = stored.and_then(read).unwrap_or_else(|| self.nobody.clone());
        let old = !same_cost(&hash.params, &self.params);
        let (done, checked) = oneshot::channel();
        self.submit(Work::Check(hash, done), password)?;
        match checked.await.map_err(|_| Busy)? {
            Checked::Right if old => Ok(Checked::RightButOld),
            checked => Ok(checked),
        }
    }

    fn submit(&self, work: Work, password: &str) -> Result<(), Busy> {
        let password = password.as_bytes()[..password.len().min(PASSWORD_MAX)].to_vec();
        self.queue.try_send(Job { work, password }).map_err(|_| {
            self.stats.refused.fetch_add(1, Ordering::Relaxed);
            Busy
        })
    }
}

/// One thread's loop; ends when [`Passwords`] is dropped. Whoever stopped waiting is passed over.
fn work(jobs: &Mutex<Receiver<Job>>, today: &Params, stats: &PasswordStats) {
    // Grows with the first password: who has none to check does not pay for their memory.
    let mut memory = Vec::new();
    loop {
        let next = jobs.lock().expect("no holder panics").recv();
        let Ok(Job { work, password }) = next else { return };
        match work {
            Work::Hash(done) if !done.is_closed() => {
                let salt = random(SALT_BYTES);
                let hash = compute(&mut memory, today, &salt, &password);
                stats.computed.fetch_add(1, Ordering::Relaxed);
                let _ = done.send(write(today, &salt, &hash));
            }
            Work::Check(stored, done) if !done.is_closed() => {
                let hash = compute(&mut memory, &stored.params, &stored.salt, &password);
                stats.computed.fetch_add(1, Ordering::Relaxed);
                let equal = bool::from(hash[..].ct_eq(&stored.expect)) && stored.counts;
                let _ = done.send(if equal { Checked::Right } else { Checked::Wrong });
            }
            Work::Hash(_) | Work::Check(..) => {}
        }
    }
}

fn compute(memory: &mut Vec<Block>, params: &Params, salt: &[u8], password: &[u8]) -> [u8; HASH_BYTES] {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let mut hash = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, &mut hash, &mut memory[..blocks])
        .expect("lengths of salt and output were checked");
    hash
}

fn same_cost(one: &Params, other: &Params) -> bool {
    (one.m_cost(), one.t_cost(), one.p_cost()) == (other.m_cost(), other.t_cost(), other.p_cost())
}

/// A PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
fn write(params: &Params, salt: &[u8], hash: &[u8]) -> String {
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={},t={},p={}${salt}${hash}", params.m_cost(), params.t_cost(), params.p_cost())
}

fn read(phc: &str) -> Option<Hash> {
    let rest = phc.strip_prefix("$argon2id$v=19$m=")?;
    let (costs, rest) = rest.split_once('$')?;
    let (salt, expect) = rest.split_once('$')?;
    let (memory, rest) = costs.split_once(",t=")?;
    let (passes, lanes) = rest.split_once(",p=")?;
    let memory: u32 = memory.parse().ok().filter(|kib| *kib <= MEMORY_KIB_MAX)?;
    let params = Params::new(memory, passes.parse().ok()?, lanes.parse().ok()?, Some(HASH_BYTES)).ok()?;
    let (salt, expect) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(expect).ok()?);
    let good = (8..=64).contains(&salt.len()) && expect.len() == HASH_BYTES;
    good.then_some(Hash { params, salt, expect, counts: true })
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system has random numbers");
    random
}

#[cfg(test)]
mod tests;
