//! Each call that reads or changes the output folder, in turn, fails, or is the last of its
//! process.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use tempfile::TempDir;

use super::child::{Child, scratch, study};
use super::tree::{Tree, assert_same, assert_whole, finished, tree, unfinished};

const KILL: Option<i32> = Some(9);

/// What is in the folder when a study begins.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// It has been studied already.
    Same,
    /// With other settings.
    Other,
}

impl Before {
    const ALL: [Self; 3] = [Self::Nothing, Self::Same, Self::Other];

    /// A folder with this in it, to be copied.
    fn folder(self) -> TempDir {
        let folder = scratch();
        match self {
            Self::Nothing => {}
            Self::Same => drop(study(folder.path(), "test").unwrap()),
            Self::Other => drop(study(folder.path(), "other").unwrap()),
        }
        folder
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A study that nothing went wrong with.
fn whole() -> Tree {
    let folder = scratch();
    study(folder.path(), "test").unwrap();
    tree(folder.path())
}

/// Runs studies with the first, second, third... call going wrong, until one ends that had fewer,
/// and hands each to `check` with the number of the call and what was in the folder before. Then
/// the next study must complete it. Gives the number of calls.
fn at_every_call(
    how: impl Fn(usize) -> String,
    before: Before,
    change: impl Fn(Child) -> Child,
    check: impl Fn(&Child, ExitStatus, &Tree, usize, &str),
) -> usize {
    let (start, whole) = (before.folder(), whole());
    for at in 1.. {
        let out = scratch();
        copy(start.path(), out.path());
        let how = how(at);
        let child = change(Child::new(out.path()).fault(&how, at));
        let status = child.run();
        let calls = child.calls();
        let went_wrong = calls.len() >= at;
        let last = calls.get(at - 1).map_or("none", String::as_str);
        let context = format!("{how} at call {at} ({last}), before it {before:?}");
        let found = tree(out.path());
        let old = tree(start.path());
        assert_whole(&found, &[&whole, &old], &context);
        if status.signal().is_none() {
            // What is replaced is there until the new one is.
            let lost: Vec<_> = old.keys().filter(|path| !found.contains_key(*path)).collect();
            assert_eq!(lost, Vec::<&PathBuf>::new(), "{context}");
        }
        if status.success() {
            assert_same(&finished(found.clone()), &whole, &context);
        }
        if went_wrong {
            check(&child, status, &found, at, &context);
        }
        let next = Child::new(out.path());
        assert!(next.run().success(), "{context}: {}", next.report());
        assert_same(&tree(out.path()), &whole, &context);
        if !went_wrong {
            assert!(status.success(), "{context}: {}", child.report());
            return at - 1;
        }
    }
    unreachable!()
}

/// What is tested here is as much as is counted.
#[test]
fn every_kind_of_call_is_counted() {
    let mut seen = BTreeSet::new();
    for before in Before::ALL {
        let start = before.folder();
        let child = Child::new(start.path());
        assert!(child.run().success());
        let calls = child.calls();
        assert!(calls.len() > 50, "{before:?}: {}", calls.len());
        seen.extend(calls);
    }
    // As the standard library calls them here.
    let known = [
        "fsync",
        "mkdir",
        "open64",
        "open64 to create",
        "openat64",
        "opendir",
        "read",
        "rename",
        "unlink",
        "unlinkat",
        "write",
    ];
    for name in known {
        assert!(seen.contains(name), "{name} was not seen, only {seen:?}");
    }
}

#[test]
fn a_study_killed_before_any_call_is_completed_by_the_next() {
    for before in Before::ALL {
        let calls = at_every_call(
            |_| "kill".to_owned(),
            before,
            |child| child,
            |_, status, _, _, context| assert_eq!(status.signal(), KILL, "{context}"),
        );
        assert!(calls > 50, "{calls}");
    }
}

#[test]
fn a_study_killed_in_the_middle_of_a_write_is_completed_by_the_next() {
    at_every_call(
        |_| "torn".to_owned(),
        Before::Nothing,
        |child| child,
        |_, status, _, _, context| assert_eq!(status.signal(), KILL, "{context}"),
    );
}

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// What `study` reports of a call that failed: the sort, a path, and the system's words. Only
/// removing what is left over may fail in silence.
fn check_failure(child: &Child, status: ExitStatus, errno: i32, call: &str, context: &str) {
    let report = child.report();
    if status.success() {
        let removes = ["opendir", "openat64", "rename", "unlink", "unlinkat", "rmdir"];
        assert!(removes.contains(&call), "{context}: nobody noticed");
        return;
    }
    assert_eq!(status.code(), Some(5), "{context}: {report}");
    let cause = std::io::Error::from_raw_os_error(errno).to_string();
    assert!(
        report.starts_with("Output: cannot ") && report.contains(&cause),
        "{context}: {report}"
    );
    assert!(report.contains(child.out().to_str().unwrap()), "{context}: {report}");
}

#[test]
fn a_study_of_which_any_call_fails_says_so_and_leaves_nothing_by_halves() {
    let errors = [ENOSPC, EIO, EDQUOT, EACCES];
    for before in Before::ALL {
        at_every_call(
            |at| errors[at % errors.len()].to_string(),
            before,
            |child| child,
            |child, status, found, at, context| {
                let call = &child.calls()[at - 1];
                check_failure(child, status, errors[at % errors.len()], call, context);
                if !status.success() {
                    assert_eq!(unfinished(found), Vec::<&PathBuf>::new(), "{context}");
                }
            },
        );
    }
}

/// On a disk that is full nothing more can be written; removing still works.
#[test]
fn a_study_on_a_disk_that_gets_full_says_so_and_leaves_nothing_by_halves() {
    for before in Before::ALL {
        at_every_call(
            |_| ENOSPC.to_string(),
            before,
            Child::on,
            |child, status, found, at, context| {
                let needs_room = |call: &String| {
                    ["fsync", "mkdir", "write"].contains(&&**call) || call.ends_with(" to create")
                };
                assert_eq!(status.success(), !child.calls()[at - 1..].iter().any(needs_room));
                check_failure(child, status, ENOSPC, "rename", context);
                assert_eq!(unfinished(found), Vec::<&PathBuf>::new(), "{context}");
            },
        );
    }
}

/// A system may write less than it is asked to.
#[test]
fn writes_that_are_done_by_halves_are_finished() {
    let out = scratch();
    let child = Child::new(out.path()).fault("half", 1).on();
    assert!(child.run().success(), "{}", child.report());
    assert!(child.calls().iter().filter(|call| *call == "write").count() > 100);
    assert_same(&tree(out.path()), &whole(), "half writes");
}
