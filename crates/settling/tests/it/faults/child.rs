//! The studies that go wrong: a small one, in a process of its own, and the library that makes its
//! calls go wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;

use settling::{Error, ModelStudy, Protocol, Store, Study};
use settling_checkpoint::Audit;
use settling_records::write_records;
use tempfile::TempDir;

use crate::diagonal::{Mine, Rows, SERIES};

const OUT: &str = "FAULT_TEST_OUT";
const ENGINE: &str = "FAULT_TEST_ENGINE";
const REPORT: &str = "FAULT_TEST_REPORT";

pub(crate) fn protocols() -> [Protocol; 2] {
    let corrected = Protocol::corrected();
    let other = Protocol { name: "other".to_owned(), ..corrected.clone() };
    [corrected, other]
}

/// Two protocols, three steps, all tables and an audit.
pub(crate) fn study(out: &Path, engine: &str) -> Result<ModelStudy, Error> {
    let study = Study::new(Store::open(out)?, protocols())?;
    let mine = Mine { engine, scale: 1.0 };
    let observed = study.plan("m", &SERIES, &mine, Some(&Rows))?.run(&mut |_| {})?;
    let observed = observed.with_audit(Audit::new().run_on_tensors(&SERIES).unwrap());
    study.write_tables(std::slice::from_ref(&observed))?;
    Ok(observed)
}

/// What the processes below do. Their report is their numbers, or the error.
#[test]
#[ignore = "the process that the other tests start"]
fn child() {
    let variable = |name: &str| std::env::var_os(name);
    let (Some(out), Some(engine), Some(report)) =
        (variable(OUT), variable(ENGINE), variable(REPORT))
    else {
        return;
    };
    match study(out.as_ref(), engine.to_str().unwrap()) {
        Ok(study) => {
            let mut bytes = Vec::new();
            write_records(&mut bytes, &study.records).unwrap();
            fs::write(report, bytes).unwrap();
        }
        Err(error) => {
            fs::write(report, format!("{:?}: {error}", error.kind())).unwrap();
            std::process::exit(5);
        }
    }
}

/// An empty folder, in memory where there is such a place: thousands of studies write there.
pub(crate) fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// A study to be run in a process of its own.
pub(crate) struct Child {
    out: PathBuf,
    engine: &'static str,
    /// For what it says of itself.
    reports: TempDir,
    fault: Vec<(&'static str, String)>,
}

impl Child {
    pub(crate) fn new(out: &Path) -> Self {
        Self { out: out.to_path_buf(), engine: "test", reports: scratch(), fault: Vec::new() }
    }

    /// With an engine of another name, which determines other units of the same numbers.
    pub(crate) fn engine(mut self, engine: &'static str) -> Self {
        self.engine = engine;
        self
    }

    /// Lets the `at`-th call go wrong: shim.c says how.
    pub(crate) fn fault(mut self, how: &str, at: usize) -> Self {
        self.fault = vec![("FAULT_HOW", how.to_owned()), ("FAULT_AT", at.to_string())];
        self
    }

    /// And every later one.
    pub(crate) fn on(mut self) -> Self {
        self.fault.push(("FAULT_ON", String::new()));
        self
    }

    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    pub(crate) fn command(&self) -> Command {
        let program = std::env::current_exe().unwrap();
        self.set(Command::new(&program), None)
    }

    /// Started by a shell that has done `first`.
    pub(crate) fn after(&self, first: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{first}; exec \"$@\"")]).arg("sh");
        self.set(command, std::env::current_exe().ok())
    }

    fn set(&self, mut command: Command, program: Option<PathBuf>) -> Command {
        command
            .args(program)
            .args(["--exact", "faults::child::child", "--ignored"])
            .env("LD_PRELOAD", shim())
            .env("FAULT_FOLDER", &self.out)
            .env("FAULT_LOG", self.reports.path().join("calls"))
            .env(OUT, &self.out)
            .env(ENGINE, self.engine)
            .env(REPORT, self.reports.path().join("report"))
            .envs(self.fault.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn run(&self) -> ExitStatus {
        self.command().status().unwrap()
    }

    /// Its numbers, or its error.
    pub(crate) fn report(&self) -> String {
        fs::read_to_string(self.reports.path().join("report")).unwrap_or_default()
    }

    /// The names of the calls that were counted.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.reports.path().join("calls")).unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

/// The library of shim.c. What the studies need anyway, libtorch's glue, is built by the same
/// compiler.
fn shim() -> &'static Path {
    static SHIM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
        let folder = TempDir::new().unwrap();
        let library = folder.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/shim.c");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(["-ldl"])
            .status()
            .expect("a C compiler, `cc`");
        assert!(built.success(), "shim.c does not build");
        (folder, library)
    });
    &SHIM.1
}
