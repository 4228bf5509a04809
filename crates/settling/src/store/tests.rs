//! The store alone: damage, replacement, and what other processes leave.

use super::*;
use settling_core::{Component, Signal, Site};

fn key(hash: &str) -> Key<'static> {
    let (hash, settings) = (sha256(hash.as_bytes()), sha256(b"settings"));
    Key { model: "m", step: Step(3), protocol: "p", hash, settings }
}

fn unit(value: f64) -> Unit {
    let record =
        Record::new("m", Step(3), Site::write(0, Component::Mlp), Signal::Weight, "per", Ok(value))
            .with_shape(2, 2)
            .with_estimator("attainable")
            .with_protocol("p");
    let spectrum = Spectrum::new(vec![value, 0.5]).unwrap();
    Unit { records: vec![record], spectra: vec![("0.mlp.weight".to_owned(), spectrum)] }
}

/// Without cutting the file to nothing first, which file systems take for a sign to write it to
/// disk at once.
fn overwrite(path: &Path, bytes: &[u8]) {
    use io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

#[test]
fn any_byte_that_was_changed_or_lost_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = key("mine");
    store.put(&key, &unit(1.0)).unwrap();
    let found = store.find(&key).unwrap();
    assert_eq!(found.as_ref(), Some(&unit(1.0).records));
    for file in [RECORDS, SPECTRA, SEAL] {
        let path = store.unit_folder(&key).join(file);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                overwrite(&path, &changed);
                assert_eq!(store.find(&key).unwrap(), None, "{file}, byte {place}, bit {bit}");
            }
            overwrite(&path, &whole[..place]);
            assert_eq!(store.find(&key).unwrap(), None, "{file}, cut at {place}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(store.find(&key).unwrap(), None, "no {file}");
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert_eq!(store.find(&key).unwrap(), None, "{file} goes on");
        fs::write(&path, &whole).unwrap();
        assert_eq!(store.find(&key).unwrap(), found);
    }
}

/// One after the other, as two processes would: the second finds the place taken.
#[test]
fn a_unit_of_the_same_stays_and_one_of_something_else_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (mine, other) = (key("mine"), key("other"));
    store.put(&mine, &unit(1.0)).unwrap();
    store.put(&mine, &unit(2.0)).unwrap();
    assert_eq!(store.find(&mine).unwrap(), Some(unit(1.0).records));
    store.put(&other, &unit(3.0)).unwrap();
    assert_eq!(store.find(&mine).unwrap(), None);
    assert_eq!(store.find(&other).unwrap(), Some(unit(3.0).records));
    let step = store.step_folder("m", Step(3));
    assert_eq!(fs::read_dir(step).unwrap().count(), 1, "nothing is left of the others");
}

/// A process that was killed while another one completed the unit.
#[test]
fn what_is_left_beside_a_unit_goes_when_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = key("mine");
    store.put(&key, &unit(1.0)).unwrap();
    let step = store.step_folder("m", Step(3));
    let left = unfinished(&step, "p");
    write_unit(&left, &key, &unit(1.0)).unwrap();
    // Of another protocol, whose name begins alike, and of nothing that is known here.
    let others =
        [unfinished(&step, "p.other"), step.join(".p.mine.partial"), step.join(".p..partial")];
    for other in &others {
        fs::write(other, "").unwrap();
    }
    assert!(store.find(&key).unwrap().is_some());
    assert!(!left.exists());
    assert!(others.iter().all(|other| other.exists()));
}

/// It is not put into its place, when another process has removed it, and is written again.
#[test]
fn what_another_process_removes_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = key("mine");
    let step = store.step_folder("m", Step(3));
    for removed_at in 0..4 {
        let attempts = std::cell::Cell::new(0);
        fs::remove_dir_all(&step).ok();
        write_aside(&step, "p", |partial| {
            attempts.set(attempts.get() + 1);
            if attempts.get() > 1 {
                write_unit(partial, &key, &unit(1.0))?;
                return store.move_to_place(&key, partial);
            }
            // The first time, file by file, and removed in between.
            fs::create_dir_all(partial)?;
            for (place, file) in [RECORDS, SPECTRA, SEAL].iter().enumerate() {
                if place == removed_at {
                    remove_unfinished(&step, "p");
                }
                write_synced(&partial.join(file), b"mine")?;
            }
            if removed_at == 3 {
                remove_unfinished(&step, "p");
            }
            store.move_to_place(&key, partial)
        })
        .unwrap();
        assert_eq!(attempts.get(), 2);
        assert_eq!(store.find(&key).unwrap(), Some(unit(1.0).records));
        assert_eq!(fs::read_dir(&step).unwrap().count(), 1);
    }
}

/// They are written by another crate, with errors of its own.
#[test]
fn spectra_that_another_process_removes_are_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let key = key("mine");
    let step = store.step_folder("m", Step(3));
    let attempts = std::cell::Cell::new(0);
    write_aside(&step, "p", |partial| {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 1 {
            fs::create_dir_all(partial)?;
            remove_unfinished(&step, "p");
            return write_spectra(&partial.join(SPECTRA), &unit(1.0).spectra);
        }
        write_unit(partial, &key, &unit(1.0))?;
        store.move_to_place(&key, partial)
    })
    .unwrap();
    assert_eq!(attempts.get(), 2);
    assert_eq!(store.find(&key).unwrap(), Some(unit(1.0).records));
}

#[test]
fn what_always_vanishes_is_an_error_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_aside(folder.path(), "p", |partial| {
        fs::write(partial, "")?;
        remove_unfinished(folder.path(), "p");
        Ok(fs::rename(partial, folder.path().join("p"))?)
    });
    assert!(error.unwrap_err().to_string().contains("No such file"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
