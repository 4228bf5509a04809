//! The scripts of `cluster/`, run by bash on a suite that is small enough for a test, with a
//! stand-in for Slurm's `sbatch`: what they leave is to the byte what one process leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use settling::tokens::write_npy;
use settling_testkit::{TINY_STEPS, tiny_batch, train_tiny};
use tempfile::TempDir;

/// Runs an array job's tasks one after the other, and a job that depends on one only if none of its
/// tasks failed. Options are noted in `calls`.
const SBATCH: &str = r#"#!/usr/bin/env bash
set -u
cd "$(dirname "$0")"
number=$(($(wc -l <calls) + 1))
options=()
while [[ $1 == --* ]]; do options+=("$1"); shift; done
echo "${options[*]}" >>calls
tasks=none
for option in "${options[@]}"; do
  case $option in
    --array=*-*) tasks=$(seq "${option##*-}") ;;
    --array=*) tasks=${option#*=} ;;
    --dependency=afterok:*) if [ -e "failed.${option##*:}" ]; then echo "$number"; exit; fi ;;
  esac
done
for task in $tasks; do
  [ "$task" = none ] || export SLURM_ARRAY_TASK_ID=$task
  SLURM_CPUS_PER_TASK=1 bash "$@" >>"log.$number" 2>&1 || echo "task $task: $?" >>"failed.$number"
done
echo "$number;cluster"
"#;

/// The program, which first notes in `ran` what its run has to itself.
const SETTLING: &str = r#"#!/usr/bin/env bash
shard=tables
for ((place = 1; place < $#; place++)); do
  [ "${!place}" != --shard ] || { next=$((place + 1)); shard=${!next}; }
done
echo "$shard, GPU ${CUDA_VISIBLE_DEVICES:-any}, threads $OMP_NUM_THREADS $RAYON_NUM_THREADS" >>"$(dirname "$0")/ran"
exec "$PROGRAM" "$@"
"#;

const PROGRAM: &str = env!("CARGO_BIN_EXE_settling");

/// A suite of one model, and a `sbatch` to be found first.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        train_tiny(&folder.path().join("my runs/m"));
        write_npy(folder.path().join("rows.npy"), &tiny_batch(99)).unwrap();
        fs::write(folder.path().join("calls"), "").unwrap();
        for (name, text) in [("sbatch", SBATCH), ("settling", SETTLING)] {
            let program = folder.path().join(name);
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a program with arguments, and then those of a study into the folder `out`.
    fn run(&self, program: &str, arguments: &[&str], out: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command.args(arguments).arg("--suite").arg(self.path("my runs")).args(["--models", "m"]);
        command.arg("--tokens").arg(self.path("rows.npy")).args(["--positions", "all"]);
        command.arg("--out").arg(self.path(out));
        command.env("PATH", format!("{}:{path}", self.folder.path().display()));
        command.env("SETTLING", self.path("settling")).env("PROGRAM", PROGRAM).env("DEVICE", "cpu");
        command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("CUDA_VISIBLE_DEVICES");
        command.env("OMP_NUM_THREADS", "1").env("RAYON_NUM_THREADS", "1");
        command.output().unwrap()
    }

    fn script(&self, name: &str, arguments: &[&str], out: &str) -> Output {
        let script = script(name);
        let mut all = vec![script.to_str().unwrap()];
        all.extend(arguments);
        self.run("bash", &all, out)
    }

    /// What one process makes of it.
    fn alone(&self) -> Vec<u8> {
        let output = self.run(PROGRAM, &["study", "--device", "cpu"], "alone");
        assert!(output.status.success(), "{output:?}");
        self.records("alone")
    }

    fn records(&self, out: &str) -> Vec<u8> {
        fs::read(self.path(out).join("records.csv")).unwrap()
    }

    /// The runs of the program by way of the scripts, sorted.
    fn ran(&self) -> Vec<String> {
        let mut ran: Vec<String> = self.read("ran").lines().map(str::to_owned).collect();
        ran.sort();
        ran
    }

    /// The steps whose numbers are there.
    fn steps(&self, out: &str) -> Vec<u64> {
        let is_there = |step: &u64| {
            self.path(out).join(format!("m/step{step}/corrected/records.csv")).is_file()
        };
        TINY_STEPS.into_iter().filter(is_there).collect()
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster").join(name)
}

#[test]
fn shares_and_tables_by_slurm_are_the_bytes_of_one_process() {
    let desk = Desk::new();
    let output = desk.script("submit.sh", &["3", "--device", "cpu"], "shared");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "shards: job 1, tables: job 2\n");
    assert_eq!(desk.read("calls"), "--parsable --array=1-3\n--parsable --dependency=afterok:1\n");
    assert_eq!((desk.read("failed.1"), desk.read("failed.2")), Default::default());
    let expected =
        ["1/3", "2/3", "3/3", "tables"].map(|run| format!("{run}, GPU any, threads 1 1"));
    assert_eq!(desk.ran(), expected);
    // Of four steps the first share has two, and none of them found all done before the last.
    assert!(
        desk.read("log.1").contains("shard 1/3 is done; 2 steps of other shards"),
        "{}",
        desk.read("log.1")
    );
    assert!(desk.path("shared/report.html").is_file());
    assert_eq!(desk.records("shared"), desk.alone());
}

#[test]
fn a_share_that_fails_leaves_no_tables_and_is_submitted_again_alone() {
    let desk = Desk::new();
    let [weights, away] = ["my runs/m/step1/model.safetensors", "away"].map(|name| desk.path(name));
    fs::rename(&weights, &away).unwrap();
    desk.script("submit.sh", &["3", "--device", "cpu"], "shared");
    // The audit at the beginning of each share looks at every checkpoint.
    assert_eq!(desk.read("failed.1"), "task 1: 3\ntask 2: 3\ntask 3: 3\n");
    assert!(!desk.path("log.2").exists() && !desk.path("shared/records.csv").exists());

    fs::rename(&away, &weights).unwrap();
    let again = |array: &str| {
        let (sbatch, script) = (desk.path("sbatch"), script("slurm_array.sh"));
        let arguments = [array, script.to_str().unwrap(), "3", "--device", "cpu"];
        assert!(desk.run(sbatch.to_str().unwrap(), &arguments, "shared").status.success());
        desk.steps("shared")
    };
    // A share is of three however many are submitted.
    assert_eq!(again("--array=2"), [1]);
    assert_eq!(again("--array=3"), [1, 4]);
    assert_eq!(again("--array=1"), TINY_STEPS);
    assert_eq!(desk.records("shared"), desk.alone());
}

#[test]
fn processes_on_one_machine_leave_the_bytes_of_one() {
    let desk = Desk::new();
    let output = desk.script("gpus.sh", &["2"], "shared");
    assert!(output.status.success(), "{output:?}");
    let expected = ["1/2, GPU 0", "2/2, GPU 1", "tables, GPU any"];
    assert_eq!(desk.ran(), expected.map(|run| format!("{run}, threads 1 1")));
    assert_eq!(desk.steps("shared"), TINY_STEPS);
    assert!(desk.path("shared/report.html").is_file());
    assert_eq!(desk.records("shared"), desk.alone());
}

#[test]
fn no_tables_are_made_of_shares_that_failed_on_one_machine() {
    let desk = Desk::new();
    fs::write(desk.path("rows.npy"), "no rows").unwrap();
    assert_eq!(desk.script("gpus.sh", &["2"], "shared").status.code(), Some(3));
    assert_eq!(desk.ran().len(), 2, "{:?}", desk.ran());
}

#[test]
fn wrong_usage_is_told() {
    let desk = Desk::new();
    for (name, arguments) in [
        ("submit.sh", ["--quiet", "0"]),
        ("gpus.sh", ["0", "--quiet"]),
        ("slurm_array.sh", ["3", "--quiet"]),
    ] {
        let output = desk.script(name, &arguments, "out");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "), "{output:?}");
    }
    assert!(desk.read("calls").is_empty() && !desk.path("out").exists());
}

/// Of the command of the manifest, which counts from 0.
#[test]
fn the_indices_of_the_kubernetes_job_are_every_share_once() {
    let manifest = fs::read_to_string(script("kubernetes_shards.yaml")).unwrap();
    let of_key = |key: &str| {
        let line = manifest.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap()
    };
    let shares = of_key("completions:");
    let command = manifest.lines().find_map(|line| line.trim().strip_prefix("- exec ")).unwrap();
    let command = command.replace("/bin/sh /etc/settling/study.sh", "printf '%s '");
    let run = |index: usize| {
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", &command]).env("JOB_COMPLETION_INDEX", index.to_string()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let found: Vec<String> = (0..shares).map(run).collect();
    let expected: Vec<String> =
        (1..=shares).map(|share| format!("--shard {share}/{shares} ")).collect();
    assert_eq!(found, expected);
}
