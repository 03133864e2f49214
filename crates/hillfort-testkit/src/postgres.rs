//! Owns a private PostgreSQL server for one test: its own folder, a socket in it, nothing listening elsewhere. Knows nothing of tables.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// A server that ends with this handle, or with the thread that started it.
#[derive(Debug)]
pub struct Server {
    bin: PathBuf,
    folder: PathBuf,
    flags: Vec<String>,
    process: Option<Child>,
    databases: AtomicU64,
}

/// The user that the server runs as when the test is run by root, whom PostgreSQL refuses.
const USER: &str = "postgres";

impl Server {
    /// Makes a server that does not wait for the disk, and waits until it takes connections. `None`, said loudly, where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// When it is installed but does not start, or is not and `POSTGRES_IS` says `needed`.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&["-c", "fsync=off"])
    }

    /// As [`Self::start`], with these arguments for the server, which waits for the disk unless they say otherwise.
    ///
    /// # Panics
    /// When it is installed but does not start.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "whoever reads the run has to know what it did not test")]
    pub fn start_with(flags: &[&str]) -> Option<Self> {
        let Some(bin) = installed() else {
            assert!(
                std::env::var_os("POSTGRES_IS").is_none_or(|word| word != "needed"),
                "PostgreSQL is needed and not installed"
            );
            eprintln!(
                "\nNOT RUN: tests on PostgreSQL, since there is no /usr/lib/postgresql/*/bin/initdb. Install Debian's `postgresql`.\n"
            );
            return None;
        };
        let folder = make_folder().expect("a folder for the server");
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut server = Self { bin, folder, flags, process: None, databases: AtomicU64::new(0) };
        let data = server.folder.join("data");
        // A language with an order of its own, as many servers have: what is in byte order has to say so.
        let made = server.run(
            "initdb",
            &["--no-sync", "-A", "trust", "-U", USER, "-E", "UTF8", "-D", &data.display().to_string()],
            &["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"],
        );
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.launch();
        Some(server)
    }

    /// The folder of the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// URL of a new, empty database.
    ///
    /// # Panics
    /// When the server does not make it.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.run("createdb", &["-h", &self.folder.display().to_string(), "-U", USER, &name], &[]);
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://{USER}@{}/{name}", self.folder.display().to_string().replace('/', "%2F"))
    }

    /// Ends the server as a crash does: nothing is written any more. Then starts it again, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn crash_and_restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// As [`Self::crash_and_restart`], with other arguments. Files in the folder can be named with `{folder}`.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restart_with(&mut self, flags: &[&str]) {
        self.stop();
        self.flags = flags.iter().map(|flag| flag.replace("{folder}", &self.folder.display().to_string())).collect();
        self.launch();
    }

    /// Writes a file into the server's folder, which the server alone may read. Its own files are in `data/`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_file(&self, name: &str, text: &str) {
        let (path, owner) = (self.folder.join(name), fs::metadata(&self.folder).expect("the folder is there"));
        fs::write(&path, text).expect("the folder can be written into");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).expect("the file is the server's, or we are root");
    }

    fn launch(&mut self) {
        let data = self.folder.join("data");
        let mut command = self.command("postgres", true);
        command.args([
            "-D",
            &data.display().to_string(),
            "-k",
            &self.folder.display().to_string(),
            "-h",
            "",
            "-c",
            "max_connections=60",
        ]);
        command.args(&self.flags);
        let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the server is executable");
        let mut log = BufReader::new(process.stderr.take().expect("stderr is a pipe"));
        let mut said = String::new();
        while !said.ends_with("ready to accept connections\n") {
            let from = said.len();
            let more = log.read_line(&mut said).expect("the log is text");
            assert!(more > 0, "PostgreSQL ended while it started: {}", &said[..from]);
        }
        // The rest has to be read, or the server would stop at a full pipe.
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        self.process = Some(process);
    }

    fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let data = self.folder.join("data").display().to_string();
        let stopped = self.run("pg_ctl", &["stop", "-m", "immediate", "-w", "-D", &data], &[]);
        if !stopped.status.success() {
            // It has ended already, or the kill ends it.
            let _ = process.kill();
        }
        let _ = process.wait();
    }

    /// Runs a program of PostgreSQL to its end. `wishes` are dropped when the program refuses them.
    fn run(&self, program: &str, args: &[&str], wishes: &[&str]) -> Output {
        let run =
            |wishes: &[&str]| self.command(program, false).args(args).args(wishes).output().expect("the program is executable");
        let output = run(wishes);
        if output.status.success() || wishes.is_empty() { output } else { run(&[]) }
    }

    fn command(&self, program: &str, ends_with_us: bool) -> Command {
        let mut command = Command::new("setpriv");
        if is_root() {
            command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
        }
        if ends_with_us {
            command.args(["--pdeathsig", "QUIT"]);
        }
        command.arg(self.bin.join(program)).current_dir(&self.folder).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // What is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Folder of the programs of the newest version that is installed.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
    let newest = versions.filter(|path| path.join("bin/initdb").exists()).max_by_key(number)?;
    Some(newest.join("bin"))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A folder with a short name, since the path of a socket has to fit into 107 bytes.
fn make_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("hfpg-{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => break folder,
            // Of a process that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    };
    if is_root() {
        let changed = Command::new("chown").arg(USER).arg(&folder).status()?;
        if !changed.success() {
            return Err(io::Error::other("the folder cannot be given to the user postgres"));
        }
    }
    Ok(folder)
}
