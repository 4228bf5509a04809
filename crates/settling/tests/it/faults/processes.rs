//! Processes that are killed at any time, and several at once on one folder.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::child::{Child, scratch, study};
use super::tree::{Tree, assert_same, assert_whole, finished, tree, unfinished};

fn whole(engine: &str) -> Tree {
    let out = scratch();
    study(out.path(), engine).unwrap();
    tree(out.path())
}

/// Numbers that are the same at every run: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Any time shorter than this.
    fn shorter_than(&mut self, time: Duration) -> Duration {
        Duration::from_micros(self.next() % (time.as_micros() as u64).max(1))
    }
}

/// Kills so many studies at random times, up to ten on one folder, each of which goes on where the
/// last was killed.
fn kill(kills: usize, seed: u64) {
    let (whole, mut random) = (whole("test"), Random(seed));
    let (mut killed, mut deaths) = (0, 0);
    let mut out = scratch();
    while killed < kills {
        // How long it takes now: the machine has other work.
        let (copy, started) = (scratch(), Instant::now());
        assert!(Child::new(copy.path()).fault("jitter", 300).run().success());
        let time = started.elapsed();

        let child = Child::new(out.path()).fault("jitter", 300);
        let mut process = child.command().spawn().unwrap();
        sleep(random.shorter_than(time));
        process.kill().unwrap();
        let status = process.wait().unwrap();
        let found = tree(out.path());
        let context = format!("seed {seed}, kill {killed}");
        assert_whole(&found, &[&whole], &context);
        if !status.success() {
            assert_eq!(status.signal(), Some(9), "{context}");
            (killed, deaths) = (killed + 1, deaths + 1);
        }
        if status.success() || deaths == 10 || killed == kills {
            let next = Child::new(out.path());
            assert!(next.run().success(), "{}", next.report());
            assert_same(&tree(out.path()), &whole, &context);
            (out, deaths) = (scratch(), 0);
        }
    }
}

#[test]
fn a_study_killed_at_any_time_is_completed_by_the_next() {
    kill(100, 1);
}

#[test]
#[ignore = "takes two minutes"]
fn a_study_killed_at_a_thousand_times_is_completed_by_the_next() {
    kill(1000, 2);
}

/// Two or three processes on one folder, slowed down at random so that they meet in every place.
fn together(engines: &[&'static str], out: &Path) -> Vec<Child> {
    let children: Vec<Child> =
        engines.iter().map(|engine| Child::new(out).engine(engine).fault("jitter", 400)).collect();
    let started: Vec<_> = children.iter().map(|child| child.command().spawn().unwrap()).collect();
    for (child, mut process) in children.iter().zip(started) {
        assert!(process.wait().unwrap().success(), "{}", child.report());
    }
    children
}

#[test]
fn several_processes_with_the_same_settings_make_the_bytes_of_one() {
    let whole = whole("test");
    for round in 0..20 {
        let out = scratch();
        let children = together(["test"; 3].get(..2 + round % 2).unwrap(), out.path());
        let found = tree(out.path());
        assert_same(&finished(found), &whole, "together");
        let records =
            String::from_utf8(whole[&PathBuf::from("records.csv")].clone().unwrap()).unwrap();
        assert!(children.iter().all(|child| child.report() == records));
        // Who removes what another is removing may leave it; the next does not.
        assert!(Child::new(out.path()).run().success());
        assert_same(&tree(out.path()), &whole, "after them");
    }
}

/// No table mixes them: each process takes what it has computed itself, or found with its own
/// settings. A folder is for one study all the same: which of the two a file is of, chance decides.
#[test]
fn processes_with_different_settings_do_not_mix() {
    let (one, other) = (whole("test"), whole("other"));
    let records = |whole: &Tree| {
        String::from_utf8(whole[&PathBuf::from("records.csv")].clone().unwrap()).unwrap()
    };
    for _ in 0..20 {
        let out = scratch();
        let children = together(&["test", "other"], out.path());
        assert_whole(&tree(out.path()), &[&one, &other], "together");
        assert_eq!(finished(tree(out.path())).len(), one.len());
        assert_eq!(children[0].report(), records(&one));
        assert_eq!(children[1].report(), records(&other));
        // One of them alone then has all of it.
        for (engine, whole) in [("test", &one), ("other", &other)] {
            assert!(Child::new(out.path()).engine(engine).run().success());
            assert_same(&tree(out.path()), whole, engine);
        }
    }
}

#[test]
fn a_process_goes_on_when_another_on_its_folder_is_killed() {
    let (whole, mut random) = (whole("test"), Random(3));
    for _ in 0..20 {
        let out = scratch();
        let slow = || Child::new(out.path()).fault("jitter", 400);
        let child = slow();
        let (mut survivor, mut victim) =
            (child.command().spawn().unwrap(), slow().command().spawn().unwrap());
        sleep(random.shorter_than(Duration::from_millis(60)));
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert!(survivor.wait().unwrap().success(), "{}", child.report());
        assert_same(&finished(tree(out.path())), &whole, "the survivor");
        assert!(Child::new(out.path()).run().success());
        let found = tree(out.path());
        assert_eq!(unfinished(&found), Vec::<&PathBuf>::new());
        assert_same(&found, &whole, "the next");
    }
}
