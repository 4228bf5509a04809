//! Pickles that hold their storages themselves, and files from before PyTorch 1.6, made to do harm
//! or to be read wrongly.

use std::time::{Duration, Instant};

use settling_checkpoint::{Checkpoint, Error, ErrorKind};
use settling_core::{Dtype, TensorSource};

use crate::pieces::{
    GLOBALS, START, dict, embedded, floats, global, ints, keys, legacy, load_from_bytes, storage,
    stored, text, view,
};

fn open(bytes: &[u8]) -> Result<Checkpoint, Error> {
    let begin = Instant::now();
    let result = Checkpoint::from_file("x.pickle", Box::new(bytes.to_vec()));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    result
}

/// Reads every tensor, those too that are not read.
fn read_all(file: &Checkpoint) -> Result<(), Error> {
    let readable = file.tensors().iter().map(|meta| meta.name.as_str());
    let mut names = readable.chain(file.unread().map(|(name, _)| name));
    names.try_for_each(|name| file.read(name).map(drop))
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    let error = open(bytes).and_then(|file| read_all(&file)).map(|()| "opened").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    let message = error.to_string();
    assert!(message.contains(part) && message.contains("x.pickle"), "{message}");
}

/// A dict with a tensor of four floats over this storage under the key `a`.
fn over(storage: &[u8]) -> Vec<u8> {
    dict(&view(storage, 0, &[4], &[1]))
}

/// The same over the storage in this legacy file.
fn over_bytes(bytes: &[u8]) -> Vec<u8> {
    over(&load_from_bytes(bytes))
}

/// A legacy file of a dict with a tensor of four floats.
fn old() -> Vec<u8> {
    let object = over(&storage("FloatStorage", "0", 4));
    [legacy(&object, "0", 4), (0..16).collect()].concat()
}

#[test]
fn what_the_others_differ_from_is_read() {
    for file in [over_bytes(&floats()), old()] {
        let checkpoint = open(&file).unwrap();
        let data = checkpoint.read("a").unwrap();
        assert_eq!((data.dtype(), data.shape()), (Dtype::F32, &[4][..]));
        assert_eq!(data.bytes(), (0..16).collect::<Vec<u8>>());
    }
}

#[test]
fn nothing_runs_in_any_of_the_pickles() {
    let folder = tempfile::tempdir().unwrap();
    let argument = text(&format!("touch {}/pwned", folder.path().display()));
    let names: Vec<(&str, &str)> =
        GLOBALS.split_whitespace().map(|full| full.rsplit_once('.').unwrap()).collect();
    assert!(names.len() >= 75, "{}", names.len());
    let object = [b"\x80\x02", &storage("FloatStorage", "0", 4)[..], b"."].concat();
    let list = keys(&["0"]);
    let good = [START[0], START[1], START[2], &object, &list];
    for (module, name) in names {
        let full = format!("{module}.{name}");
        let stack_global = [text(module), text(name), b"\x93".to_vec()].concat();
        for global in [global(module, name), stack_global] {
            let call = [&global[..], &argument, b"\x85R"].concat();
            // A value that is no tensor; a tensor whose storage is none.
            let checkpoint = open(&dict(&call)).unwrap();
            assert_eq!(checkpoint.opaque_values(), [(&*full, 1)]);
            assert!(checkpoint.tensors().is_empty());
            refuses(&over(&call), &full);
            let program = [b"\x80\x02", &call[..], b"."].concat();
            // In the place of each pickle of a legacy file, and of one within a pickle.
            for place in 0..good.len() {
                let mut pickles = good;
                pickles[place] = &program;
                let file = pickles.concat();
                refuses(&over_bytes(&file), "");
                refuses(&file, "");
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_storage_within_a_pickle_is_one_legacy_file_and_nothing_else() {
    let function = global("torch.storage", "_load_from_bytes");
    let call = |arguments: &[u8]| over(&[&function[..], arguments, b"R"].concat());
    refuses(&call(b")"), "_load_from_bytes with 0 arguments: expected 1");
    refuses(&call(b"NN\x86"), "_load_from_bytes with 2 arguments");
    refuses(&call(b"N\x85"), "_load_from_bytes of None: expected bytes");
    refuses(&call(b"}\x85"), "_load_from_bytes of a dict");
    refuses(&call(b"C\x00\x85"), "in the storage at byte ");
    // The same bytes twice: the work would be more than the file is long.
    let twice = [&b"B"[..], &(floats().len() as u32).to_le_bytes(), &floats(), b"q\x01"].concat();
    let again = [b"}N", &function[..], &twice, b"\x85Rs", b"N", &function, b"h\x01\x85Rs"].concat();
    let error = open(&dict(&again)).unwrap().read("a.<key 2>").unwrap_err();
    assert!(error.to_string().contains("expected bytes, used once"), "{error}");
    // Not in the pickles of an archive or of a legacy file, so not within each other either.
    let nested = over_bytes(&floats());
    refuses(&legacy(&nested, "0", 4), "not in the object");
    refuses(&over_bytes(&legacy(&nested, "0", 4)), "not in the object");
    refuses(&over(&storage("FloatStorage", "0", 4)), "BINPERSID not allowed");
    // Not a storage.
    refuses(&over_bytes(&old()), "a dict: expected a storage");
    refuses(&over_bytes(b"PK\x03\x04"), "expected PROTO first");
    let alone = open(&dict(&load_from_bytes(&floats()))).unwrap();
    assert_eq!(alone.unread().collect::<Vec<_>>(), [("a", "a storage of float32")]);
    // A view that leaves it.
    let view = view(&load_from_bytes(&floats()), 1, &[4], &[1]);
    refuses(&dict(&view), "reaches outside its storage");
}

#[test]
fn legacy_files_that_contradict_themselves() {
    let object = over(&storage("FloatStorage", "0", 4));
    let list = keys(&["0"]);
    let storages = [&4_i64.to_le_bytes()[..], &[7; 16]].concat();
    let good = [START[0], START[1], START[2], &object, &list, &storages];
    assert!(open(&good.concat()).is_ok());
    let shared = [
        &b"\x80\x02}"[..],
        &text("a"),
        &view(&storage("FloatStorage", "0", 4), 0, &[4], &[1]),
        b"s",
        &text("b"),
        &view(&storage("FloatStorage", "0", 3), 0, &[3], &[1]),
        b"s.",
    ];
    let with_view = |last: &[u8]| {
        let whole = storage("FloatStorage", "0", 4);
        over(&[&whole[..whole.len() - 2], last, b"tQ"].concat())
    };
    let file = |place: usize, pickle: &[u8]| {
        let mut pickles = good;
        pickles[place] = pickle;
        pickles.concat()
    };
    assert!(open(&file(3, &with_view(b"N"))).is_ok());
    // Before PyTorch 0.4 a storage could be a part of another one.
    let part = [&b"("[..], &text("1"), b"K\x01K\x02t"].concat();
    let whole = storage("FloatStorage", "0", 4);
    let part = [&whole[..whole.len() - 2], &part, b"tQ"].concat();
    let object = dict(&view(&part, 1, &[1], &[1]));
    let bytes: Vec<u8> = (0..16).collect();
    let data = [&4_i64.to_le_bytes()[..], &bytes].concat();
    let of_part = [START[0], START[1], START[2], &object, &list, &data].concat();
    assert_eq!(open(&of_part).unwrap().read("a").unwrap().bytes(), [8, 9, 10, 11]);
    for (place, pickle, part) in [
        (1, &b"\x80\x02M\xe8\x03."[..], "version 1000 of torch.save: expected 1001"),
        (1, b"\x80\x02N.", "expected a version"),
        (2, b"\x80\x02}\x8c\x0dlittle_endian\x89s.", "little-endian"),
        (2, b"\x80\x02}.", "little-endian"),
        (2, b"\x80\x02N.", "little-endian"),
        (3, b"\x80\x02].", "not in the object"),
        (3, b"\x80\x02}.", "not in the object"),
        (3, &over(&storage("FloatStorage", "1", 4)), "storage \"0\" is there twice, or not in"),
        (3, &over(&storage("FloatStorage", "0", 3)), "has 4 elements: expected 3"),
        (3, &over(&storage("FloatStorage", "0", i64::MAX)), "a storage of 9223372036854775807"),
        (3, &over(&storage("HalfStorage", "0", 4)), "after the last storage"),
        (3, &over(&storage("DoubleStorage", "0", 4)), "cut in storage \"0\" of 32 bytes"),
        (3, &shared.concat(), "two sizes of the storage \"0\""),
        (3, &with_view(&[&b"("[..], &text("1"), b"K\0K\x02t"].concat()), "storage of 2 elements"),
        (3, &with_view(&[&b"("[..], &text("1"), b"K\x03K\x02t"].concat()), "outside the whole"),
        (3, &with_view(b"NN"), "a reference to something else"),
        (4, b"\x80\x02N.", "expected a list"),
        (4, b"\x80\x02].", "storage \"0\" is not in the file"),
        (4, b"\x80\x02]K\x01a.", "a storage's key that is not a string"),
        (4, &keys(&["1"]), "storage \"1\" is there twice, or not in the object"),
        (4, &keys(&["0", "0"]), "storage \"0\" is there twice"),
        (5, &[&5_i64.to_le_bytes()[..], &[7; 20]].concat(), "has 5 elements: expected 4"),
        (5, &[&(-1_i64).to_le_bytes()[..], &[7; 16]].concat(), "has 18446744073709551615 elements"),
        (5, &storages[..23], "cut in storage \"0\" of 16 bytes"),
        (5, b"", "cut"),
        (5, &[&storages[..], b"\0"].concat(), "bytes after the last storage"),
    ] {
        refuses(&file(place, pickle), part);
    }
    // The same within a pickle.
    let pickles = [START[0], START[1], START[2]].concat();
    let object = [b"\x80\x02", &storage("FloatStorage", "0", 4)[..], b"."].concat();
    let whole = |storages: &[u8]| over_bytes(&[&pickles[..], &object, &list, storages].concat());
    assert!(open(&whole(&storages)).is_ok());
    refuses(&whole(&storages[..23]), "in the storage at byte ");
    refuses(&whole(&[&storages[..], b"\0"].concat()), "bytes after the last storage");
    refuses(&whole(&[&3_i64.to_le_bytes()[..], &[7; 12]].concat()), "has 3 elements: expected 4");
}

#[test]
fn claims_of_length_cost_nothing() {
    for length in [1 << 63, u64::MAX, 1 << 40, 1 << 32] {
        refuses(&[b"\x80\x04}", &embedded(length)[..], b"abc"].concat(), "cut");
        refuses(&[b"\x80\x05\x96", &length.to_le_bytes()[..]].concat(), "cut");
        refuses(&[b"\x80\x04\x95", &length.to_le_bytes()[..]].concat(), "cut");
        refuses(&[b"\x80\x04\x8d", &length.to_le_bytes()[..]].concat(), "cut");
    }
    for length in [i64::MAX, 1 << 62, 1 << 40] {
        let part = if length > 1 << 60 { "a storage of" } else { "cut in storage" };
        refuses(&over_bytes(&stored("DoubleStorage", length)), part);
        refuses(&legacy(&over(&storage("DoubleStorage", "0", length)), "0", length), part);
    }
    // A name without an end.
    refuses(&[b"\x80\x02c", &b"n".repeat(1_000_000)[..]].concat(), "a name that is too long");
    refuses(&[b"\x80\x02c", &b"n".repeat(1_000)[..]].concat(), "cut");
}

#[test]
fn all_pickles_of_a_file_share_one_budget() {
    let many = |what: &[u8], count| dict(&[b"(", &what.repeat(count)[..], b"t"].concat());
    // Each storage's pickles are small, all together they are not.
    let slow = [b"\x80\x02", &b"N0".repeat(100_000)[..], b"N."].concat();
    let slow = [START[0], &slow].concat();
    refuses(&over_bytes(&slow), "expected a version");
    let object = [b"\x80\x02", &b"N0".repeat(400_000)[..], &storage("FloatStorage", "0", 4), b"."];
    let file = [&legacy(&object.concat(), "0", 4)[..], &[0; 16]].concat();
    let call = load_from_bytes(&file);
    assert!(open(&over(&call)).is_ok());
    refuses(&many(&call, 11), "more than 8388608 instructions");
    // Strings are what is kept of them.
    let string = [&text(&"s".repeat(65_000))[..], b"0"].concat();
    let file = [b"\x80\x02", &string.repeat(500)[..], &storage("FloatStorage", "0", 4), b"."];
    let file = [&legacy(&file.concat(), "0", 4)[..], &[0; 16]].concat();
    refuses(&many(&load_from_bytes(&file), 3), "more than 67108864 bytes of strings");
    // Strings of bytes are passed over.
    let bytes = [b"\x80\x04(B\0\0\0\x04".to_vec(), vec![b'!'; 64 << 20], b"1}.".to_vec()].concat();
    assert!(open(&bytes).unwrap().tensors().is_empty());
}

#[test]
fn a_small_program_does_not_make_a_large_value_here_either() {
    let tuples = |count| [&b")q\0"[..], &b"0h\0h\0\x86q\0".repeat(count)].concat();
    refuses(&dict(&tuples(1_000)), "nested more than 256 deep");
    refuses(&dict(&tuples(100)), "its names are longer than");
    let built = [&b"}q\0"[..], &b"0}h\0bq\0".repeat(1_000)].concat();
    assert_eq!(open(&dict(&built)).unwrap().tensors().len(), 0);
    // In the object of a storage, where it is not even looked at.
    let object = [b"\x80\x02", &tuples(200)[..], b"0", &storage("FloatStorage", "0", 4), b"."];
    let file = [&legacy(&object.concat(), "0", 4)[..], &[0; 16]].concat();
    assert!(open(&over_bytes(&file)).is_ok());
    for nest in [&b"\x85"[..], b"q\0]h\0a", b"("] {
        refuses(&dict(&[b")".to_vec(), nest.repeat(1_000_000)].concat()), "256 deep");
    }
    // One tensor under many names has its storage once.
    let tensor = view(&load_from_bytes(&floats()), 0, &[4], &[1]);
    let uses = |count| [&b"("[..], &tensor, &b"2".repeat(count), b"t"].concat();
    assert_eq!(open(&dict(&uses(1_000))).unwrap().tensors().len(), 1_001);
    refuses(&dict(&uses(300_000)), "holds more than 262144 tensors");
    // Many elements of a small storage.
    let wide = view(&load_from_bytes(&floats()), 0, &[1 << 40], &[0]);
    refuses(&dict(&wide), "expected at most 67108864");
    let shape = [&load_from_bytes(&floats())[..], &ints(&[1])].concat();
    refuses(
        &dict(&[&global("torch._utils", "_rebuild_tensor_v2")[..], b"(", &shape, b"tR"].concat()),
        "2 arguments",
    );
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pickle");
    let bytes = over_bytes(&floats());
    std::fs::write(&path, &bytes).unwrap();
    let checkpoint = Checkpoint::open_file(&path).unwrap();
    assert!(checkpoint.read("a").is_ok());
    std::fs::write(&path, &bytes[..200]).unwrap();
    let message = checkpoint.read("a").unwrap_err().to_string();
    assert!(message.contains("tensor `a`") && message.contains("x.pickle"), "{message}");
}
