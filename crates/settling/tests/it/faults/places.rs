//! Output folders that are none, and models that fail on the way.

use std::cell::Cell;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use settling::{ErrorKind, ModelAdapter, Progress, Protocol, SiteWeight, Store, Study};
use settling_core::{Capture, CaptureSink, MatView, Site, Step, TokenBatch};

use super::child::{Child, protocols, scratch, study};
use super::tree::{assert_same, assert_whole, finished, tree, unfinished};
use crate::diagonal::{Mine, Model, Rows, SERIES, Source};

/// A study into `out` that must fail before any model is run, with what it says.
fn refused(out: &Path) -> String {
    let mut models = 0;
    let failing = Failing { at: usize::MAX, loaded: Cell::new(0) };
    let store = match Store::open(out) {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Output);
            return error.to_string();
        }
    };
    let progress = &mut |progress: Progress<'_>| {
        models += usize::from(matches!(progress, Progress::Step { .. }));
    };
    let study = Study::new(store, protocols()).unwrap();
    let plan = study.plan("m", &SERIES, &failing, Some(&Rows));
    let error = plan.and_then(|plan| plan.run(progress)).unwrap_err();
    assert_eq!((error.kind(), failing.loaded.get(), models), (ErrorKind::Output, 0, 0), "{error}");
    error.to_string()
}

#[test]
fn what_is_no_output_folder_is_refused_before_any_work() {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "mine").unwrap();
    symlink(path("nowhere"), path("link to nothing")).unwrap();
    for name in ["file", "file/below", "link to nothing"] {
        let error = refused(&path(name));
        assert!(error.contains(path(name).to_str().unwrap()), "{error}");
    }
    let error = refused(&path("x".repeat(300).as_str()));
    assert!(error.contains("too long"), "{error}");
    assert!(refused(&path("a\0b")).contains("NUL") || refused(&path("a\0b")).contains("nul"));

    // Of a model, or of a unit.
    fs::create_dir_all(path("one")).unwrap();
    fs::write(path("one/m"), "mine").unwrap();
    let error = refused(&path("one"));
    assert!(error.contains("one/m/step0/corrected/unit.json: Not a directory"), "{error}");
    fs::create_dir_all(path("two/m/step0")).unwrap();
    fs::write(path("two/m/step0/corrected"), "mine").unwrap();
    let error = refused(&path("two"));
    assert!(error.contains("two/m/step0/corrected/unit.json: Not a directory"), "{error}");
    for file in ["file", "one/m", "two/m/step0/corrected"] {
        assert_eq!(fs::read_to_string(path(file)).unwrap(), "mine");
    }
}

#[test]
fn folders_of_any_name_and_links_to_folders_are_as_good_as_others() {
    let (folder, whole) = (scratch(), scratch());
    study(whole.path(), "test").unwrap();
    let whole = tree(whole.path());
    let path = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    fs::create_dir(path(b"real")).unwrap();
    symlink(path(b"real"), path(b"link")).unwrap();
    for name in [&b"no/parent/yet"[..], b"not utf-8: \xff\xfe", b" ", b"link"] {
        study(&path(name), "test").unwrap();
        assert_same(&tree(&path(name)), &whole, &String::from_utf8_lossy(name));
    }
    assert_same(&tree(&path(b"real")), &whole, "the folder that the link leads to");
}

/// A path may have 4095 bytes. Shorter by what a study puts below it, it works; else it is an
/// error, whichever file is too much.
#[test]
fn paths_of_any_length_work_or_are_refused() {
    let (whole, mut worked, mut failed) = (scratch(), 0, 0);
    study(whole.path(), "test").unwrap();
    let whole = tree(whole.path());
    for length in [3000, 4000, 4010, 4020, 4030, 4040, 4050, 4060, 4070, 4080, 4090, 4100, 5000] {
        let folder = scratch();
        let mut out = folder.path().to_path_buf();
        let rest = |out: &PathBuf| length - out.as_os_str().len();
        while rest(&out) > 210 {
            out.push("x".repeat(200));
        }
        out.push("x".repeat(rest(&out) - 1));
        assert_eq!(out.as_os_str().len(), length);
        match study(&out, "test") {
            Ok(_) => {
                assert!(failed == 0, "{length}");
                worked += 1;
                assert_same(&tree(&out), &whole, "a long path");
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.kind(), ErrorKind::Output, "{error}");
                assert!(error.to_string().contains("too long"), "{error}");
                let found = tree(folder.path());
                assert_eq!(unfinished(&found), Vec::<&PathBuf>::new(), "{length}");
            }
        }
    }
    assert!(worked >= 2 && failed >= 2, "{worked} worked, {failed} failed");
}

/// A user's model that panics when it runs for the `at`-th time.
struct Failing {
    at: usize,
    loaded: Cell<usize>,
}

const MINE: Mine<'_> = Mine { engine: "test", scale: 1.0 };

/// Panics when it is run, if it is the one.
struct FailingModel(Model, bool);

impl ModelAdapter<Source> for Failing {
    type Model = FailingModel;
    type Error = Infallible;

    fn engine(&self) -> String {
        MINE.engine()
    }

    fn configuration(&self, source: &Source) -> Result<String, Infallible> {
        MINE.configuration(source)
    }

    fn load(&self, source: &Source, protocol: &Protocol) -> Result<FailingModel, Infallible> {
        self.loaded.set(self.loaded.get() + 1);
        Ok(FailingModel(MINE.load(source, protocol)?, self.loaded.get() == self.at))
    }

    fn weight(&self, source: &Source, model: &FailingModel, site: &Site) -> Option<SiteWeight> {
        MINE.weight(source, &model.0, site)
    }

    fn gradients(
        &self,
        source: &Source,
        model: &mut FailingModel,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), Infallible> {
        MINE.gradients(source, &mut model.0, batch, tensors, take)
    }
}

impl Capture for FailingModel {
    type Error = Infallible;

    fn sites(&self) -> &[Site] {
        self.0.sites()
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), Self::Error> {
        assert!(!self.1, "a bug of the user's");
        self.0.activations(batch, sink)
    }
}

#[test]
fn a_model_that_panics_costs_its_own_unit_only() {
    let whole = scratch();
    study(whole.path(), "test").unwrap();
    let whole = tree(whole.path());
    let out = scratch();
    let store = Store::open(out.path()).unwrap();
    let study = Study::new(store, protocols()).unwrap();
    // Two references, then the units of each step.
    let mut panics = 0;
    for at in 1.. {
        let failing = Failing { at, loaded: Cell::new(0) };
        fs::remove_dir_all(out.path().join("m")).ok();
        let mut done: Vec<Step> = Vec::new();
        let progress = &mut |progress: Progress<'_>| {
            if let Progress::Step { step, .. } = progress {
                done.push(step);
            }
        };
        let run = || study.plan("m", &SERIES, &failing, Some(&Rows)).unwrap().run(progress);
        let Err(payload) = catch_unwind(AssertUnwindSafe(run)) else { break };
        assert_eq!(payload.downcast_ref(), Some(&"a bug of the user's"));
        panics += 1;
        let found = tree(out.path());
        assert_eq!(unfinished(&found), Vec::<&PathBuf>::new());
        assert_whole(&found, &[&whole], "after a panic");
        let units = found.keys().filter(|path| path.ends_with("unit.json")).count();
        assert!(units >= 2 * done.len() && units < 6, "{units} units, {} steps", done.len());
        let next = Child::new(out.path());
        assert!(next.run().success(), "{}", next.report());
        assert_same(&finished(tree(out.path())), &whole, "after a panic and a run");
    }
    assert_eq!(panics, 2 + 2 * 3, "every model");
}
