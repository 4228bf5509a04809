//! Archives and pickles made to do harm, or to be read wrongly: all of them are refused, quickly,
//! and nothing runs.

use std::time::{Duration, Instant};

use settling_checkpoint::{Checkpoint, Error, ErrorKind};
use settling_core::{Dtype, TensorSource};

use crate::pieces::{GLOBALS, dict, global, storage, text, view};

/// A record of an archive, as it is described in the directory and in place.
#[derive(Clone)]
struct Record {
    name: String,
    name_in_place: String,
    data: Vec<u8>,
    crc: u32,
    method: u16,
    flags: u16,
    /// Claimed; in the directory.
    length: u32,
}

impl Record {
    fn new(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.into(),
            name_in_place: name.into(),
            data: data.into(),
            crc: crc(data),
            method: 0,
            flags: 0,
            length: data.len() as u32,
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

fn archive(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for record in records {
        let offset = bytes.len() as u32;
        let mut fields = Vec::new();
        fields.extend([20, 0]);
        fields.extend(record.flags.to_le_bytes());
        fields.extend(record.method.to_le_bytes());
        fields.extend([0; 4]);
        fields.extend(record.crc.to_le_bytes());
        fields.extend(record.length.to_le_bytes());
        fields.extend(record.length.to_le_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend((record.name_in_place.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(record.name_in_place.as_bytes());
        bytes.extend(&record.data);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend((record.name.len() as u16).to_le_bytes());
        directory.extend([0; 12]);
        directory.extend(offset.to_le_bytes());
        directory.extend(record.name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((records.len() as u16).to_le_bytes());
    bytes.extend((records.len() as u16).to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

fn open(bytes: &[u8]) -> Result<Checkpoint, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    std::fs::write(&path, bytes).unwrap();
    let begin = Instant::now();
    let result = Checkpoint::open_file(path);
    // Half a second at worst, for nine million instructions; the rest is for slow machines.
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    result
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    // What stands before a record's data is looked at when the record is read.
    let read_all = |checkpoint: Checkpoint| {
        let names = checkpoint.tensors().iter().map(|tensor| tensor.name.as_str());
        let mut names = names.chain(checkpoint.unread().map(|(name, _)| name));
        names.try_for_each(|name| checkpoint.read(name).map(drop))
    };
    let error = open(bytes).and_then(read_all).map(|_| "opened").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    let message = error.to_string();
    assert!(message.contains(part) && message.contains("x.bin"), "{message}");
}

/// The records around a pickle: storages of 16 bytes and of none.
fn records(pickle: &[u8]) -> Vec<Record> {
    let data: Vec<u8> = (0..16).collect();
    vec![
        Record::new("m/data.pkl", pickle),
        Record::new("m/data/0", &data),
        Record::new("m/data/1", &[]),
    ]
}

fn with(pickle: &[u8]) -> Vec<u8> {
    archive(&records(pickle))
}

#[track_caller]
fn refuses_pickle(pickle: &[u8], part: &str) {
    refuses(&with(pickle), part);
}

fn good() -> Vec<u8> {
    dict(&view(&storage("FloatStorage", "0", 4), 1, &[2], &[2]))
}

#[test]
fn what_the_others_differ_from_is_read() {
    let checkpoint = open(&with(&good())).unwrap();
    let data = checkpoint.read("a").unwrap();
    assert_eq!((data.dtype(), data.shape()), (Dtype::F32, &[2][..]));
    assert_eq!(data.bytes(), [4, 5, 6, 7, 12, 13, 14, 15]);
}

#[test]
fn nothing_runs_in_any_form_or_place() {
    let folder = tempfile::tempdir().unwrap();
    let argument = text(&format!("touch {}/pwned", folder.path().display()));
    let names: Vec<(&str, &str)> =
        GLOBALS.split_whitespace().map(|full| full.rsplit_once('.').unwrap()).collect();
    assert!(names.len() >= 75, "{}", names.len());
    for (module, name) in names {
        let full = format!("{module}.{name}");
        let global = global(module, name);
        let stack_global = [text(module), text(name), b"\x93".to_vec()].concat();
        let inst = format!("i{module}\n{name}\n").into_bytes();
        let call = |global: &[u8], arguments: &[u8], end: &[u8]| [global, arguments, end].concat();
        let one = [argument.clone(), b"\x85".to_vec()].concat();
        let forms = [
            call(&global, &one, b"R"),
            call(&stack_global, &one, b"R"),
            call(&stack_global, &one, b"\x81"),
            call(&[&global[..], &one].concat(), b"}", b"\x92"),
            call(&[b"(", &argument[..]].concat(), &inst, b""),
            call(&[b"(", &global[..]].concat(), &argument, b"o"),
            global.clone(),
            [&global[..], b")R", b"}b"].concat(),
        ];
        for form in &forms {
            // As the root, a storage, the id of a storage.
            refuses_pickle(&[b"\x80\x02", &form[..], b"."].concat(), &full);
            refuses_pickle(&dict(&view(form, 0, &[1], &[1])), &full);
            refuses_pickle(&[b"\x80\x02}", &form[..], b"Q."].concat(), "to something else");
            // As a value, a key, an attribute, and thrown away.
            for (place, values) in [
                (dict(form), vec![(&*full, 1)]),
                ([b"\x80\x04}", &form[..], b"Ns."].concat(), vec![]),
                ([b"\x80\x02}", &form[..], b"b."].concat(), vec![]),
                ([b"\x80\x02", &form[..], b"0}."].concat(), vec![]),
            ] {
                let checkpoint = open(&with(&place)).unwrap();
                assert_eq!(checkpoint.opaque_values(), values);
                assert!(checkpoint.tensors().is_empty() && checkpoint.unread().next().is_none());
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_message_names_the_file_the_place_and_the_remedy() {
    let message = open(&with(&dict(b"I01\n"))).unwrap_err().to_string();
    for part in ["x.bin: ", "m/data.pkl: at byte 9: ", "INT not allowed", "if you trust"] {
        assert!(message.contains(part), "{message}");
    }
    let long = [b"\x80\x02", &global("a\u{7}", &"b".repeat(5_000))[..], b"."].concat();
    let message = open(&with(&long)).unwrap_err().to_string();
    assert!(message.contains("a\\u{7}.bbb") && message.len() < 1_000, "{message}");
}

#[test]
fn instructions_that_no_state_dict_needs() {
    for instructions in [
        &b"\x82\x01"[..],
        b"\x83\x01\0",
        b"\x84\x01\0\0\0",
        b"(ccollections\nOrderedDict\no",
        b"(icollections\nOrderedDict\n",
        b"ccollections\nOrderedDict\n)\x81",
        b"ccollections\nOrderedDict\n)}\x92",
        b"ccollections\nOrderedDict\n}\x85R",
        b"U\x02ab",
        b"T\x02\0\0\0ab",
    ] {
        assert_eq!(open(&with(&dict(instructions))).unwrap().tensors().len(), 0);
    }
    for (instructions, name) in [
        (&b"Pos\n"[..], "PERSID"),
        (b"I01\n", "INT"),
        (b"S'a'\n", "STRING"),
        (b"\x97", "NEXT_BUFFER"),
        (b"\xff", "0xff is no pickle instruction"),
        (b"\x80\x02", "expected PROTO first"),
        (b"\x80", "expected PROTO first"),
    ] {
        refuses_pickle(&dict(instructions), name);
    }
    for (pickle, part) in [
        (&b""[..], "cut"),
        (b"\x80", "cut"),
        (b"\x80\x01}.", "protocol 1: expected 2 to 5"),
        (b"\x80\x06}.", "protocol 6"),
        (b"}.", "expected PROTO first"),
        (b"\x80\x02.", "the stack is empty"),
        (b"\x80\x020.", "the stack is empty"),
        (b"\x80\x02t.", "there is no mark"),
        (b"\x80\x02}(0K\x01s.", "the stack is empty"),
        (b"\x80\x02}(K\x01s.", "the stack is empty"),
        (b"\x80\x02h\x07.", "memo 7 was never written"),
        (b"\x80\x02q\x07.", "the stack is empty"),
        (b"\x80\x02}}.", "values left"),
        (b"\x80\x02(}.", "values left"),
        (b"\x80\x02}.}", "after the pickle's STOP"),
        (b"\x80\x02}", "cut"),
        (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.", "cut"),
        (b"\x80\x02X\xff\xff\xff\xffab", "cut"),
        (b"\x80\x04\x8d\0\0\0\0\0\0\0\x80ab", "cut"),
        (b"\x80\x04\x8e\0\0\0\0\0\0\0\x80ab", "cut"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fab", "cut"),
        (b"\x80\x02\x8c\x02\xff\xfe.", "holds a value of another type"),
        (b"\x80\x02cos", "cut"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02K\x01K\x02a.", "appending to an integer"),
        (b"\x80\x02K\x01K\x02K\x03s.", "setting items of an integer"),
        (b"\x80\x02K\x01}b.", "BUILD on an integer"),
        (b"\x80\x02}}Q.", "a reference to something else"),
        (b"\x80\x02}}R.", "expected a tuple of arguments"),
        (b"\x80\x02})R.", "REDUCE of a dict"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "it cannot be called"),
        (b"\x80\x02ccollections\nOrderedDict\nN\x85R.", "an object of a class of dicts"),
        (b"\x80\x02(o.", "OBJ without a class"),
        (b"\x80\x02K\x01K\x02\x93.", "STACK_GLOBAL"),
        (b"\x80\x02K\x01.", "holds an integer"),
    ] {
        refuses_pickle(pickle, part);
    }
}

#[test]
fn a_small_program_does_not_make_a_large_value() {
    // Each tuple, then each dict, has the one before twice: 2^100 leaves for who counts them.
    let tuples = |count| [&b")q\0"[..], &b"0h\0h\0\x86q\0".repeat(count)].concat();
    refuses_pickle(&dict(&tuples(1_000)), "nested more than 256 deep");
    refuses_pickle(&dict(&tuples(100)), "its names are longer than");
    let dicts = [&b"}q\0"[..], &b"0}(K\x01h\0K\x02h\0uq\0".repeat(100)].concat();
    refuses_pickle(&dict(&dicts), "its names are longer than");
    // The same with names of no length, and with many leaves.
    let empty = [&text("")[..], b"q\x010"].concat();
    let dicts = [&empty[..], b"}q\0", &b"0}(h\x01h\0h\x01h\0uq\0".repeat(100)].concat();
    let dicts = [b"\x80\x02", &dicts[..], b"."].concat();
    refuses_pickle(&dicts, "holds more than 1048576 dicts, lists and tuples");
    let list = [&b"]q\0(N"[..], &b"2".repeat(100_000), b"e0(h\0", &b"2".repeat(100), b"t"].concat();
    refuses_pickle(&dict(&list), "holds more than 8388608 values");
    // One long key, in each of many dicts within each other.
    let key = [&text(&"n".repeat(60_000))[..], b"q\x010"].concat();
    let dicts = [&key[..], b"}q\0", &b"0}h\x01h\0sq\0".repeat(200)].concat();
    refuses_pickle(&dict(&dicts), "its names are longer than");
    // One tensor under many names.
    let tensor = view(&storage("FloatStorage", "0", 4), 0, &[4], &[1]);
    let uses = |count| [&b"("[..], &tensor, &b"2".repeat(count), b"t"].concat();
    assert_eq!(open(&with(&dict(&uses(1_000)))).unwrap().tensors().len(), 1_001);
    refuses_pickle(&dict(&uses(300_000)), "holds more than 262144 tensors");
    // One value many times on the stack is as many values; too many instructions.
    let uses = [&b"(N"[..], &b"2".repeat(1_000_000), b"t"].concat();
    assert_eq!(open(&with(&dict(&uses))).unwrap().other_values(), 1_000_001);
    refuses_pickle(&dict(&b"N".repeat(9_000_000)), "more than 8388608 instructions");
}

#[test]
fn nesting_overflows_no_stack() {
    for nest in [&b"\x85"[..], b"q\0]h\0a", b"q\x000]q\x01h\0a", b"q\x000}q\x01K\x01h\0s"] {
        refuses_pickle(&dict(&[b")".to_vec(), nest.repeat(1_000_000)].concat()), "");
    }
    refuses_pickle(&dict(&[b")".to_vec(), b"\x85".repeat(1_000_000)].concat()), "256 deep");
    refuses_pickle(&dict(&b"(".repeat(1_000_000)), "256 deep");
    // From the outside to the inside, and a dict within itself.
    let inwards = [b"}q\0".to_vec(), b"h\0K\x01}q\0s0".repeat(100_000)].concat();
    refuses_pickle(
        &[b"\x80\x02".to_vec(), b"}q\x01".to_vec(), b"0".to_vec(), inwards, b"h\x01.".to_vec()]
            .concat(),
        "",
    );
    // What holds itself is no deeper than it is.
    let cycle = open(&with(b"\x80\x02}q\0X\x01\0\0\0ah\0s.")).unwrap();
    assert_eq!((cycle.tensors().len(), cycle.other_values()), (0, 1));
}

#[test]
fn tensors_that_contradict_their_storage() {
    let floats = storage("FloatStorage", "0", 4);
    let huge = i64::MAX;
    for (value, part) in [
        (view(&floats, 0, &[5], &[1]), "reaches outside its storage"),
        (view(&floats, 4, &[1], &[1]), "reaches outside its storage"),
        (view(&floats, 1, &[2], &[3]), "reaches outside its storage"),
        (view(&floats, -1, &[1], &[1]), "negative"),
        (view(&floats, 0, &[-1], &[1]), "negative"),
        (view(&floats, 3, &[2], &[-1]), "negative"),
        (view(&floats, huge, &[2], &[huge]), "reaches outside"),
        (view(&floats, 0, &[huge, huge], &[0, 0]), "overflows"),
        (view(&floats, 0, &[0, huge, huge], &[1, 1, 1]), "overflows"),
        (view(&floats, 0, &[1 << 62], &[0]), "size overflows"),
        (view(&floats, 0, &[1 << 40], &[0]), "expected at most 67108864"),
        (view(&floats, 0, &[2], &[1, 1]), "1 dimensions with 2 strides"),
        (view(&floats, 0, &[1; 65], &[1; 65]), "at most 64"),
        (
            view(&storage("FloatStorage", "0", 5), 0, &[1], &[1]),
            "has 16 bytes: expected 5 elements",
        ),
        (
            view(&storage("FloatStorage", "0", 3), 0, &[1], &[1]),
            "has 16 bytes: expected 3 elements",
        ),
        (view(&storage("FloatStorage", "0", huge), 0, &[1], &[1]), "has 16 bytes"),
        (view(&storage("FloatStorage", "0", -1), 0, &[1], &[1]), "storage of -1 elements"),
        (view(&storage("HalfStorage", "0", 4), 0, &[1], &[1]), "has 16 bytes: expected 4"),
        (view(&storage("FloatStorage", "7", 4), 0, &[1], &[1]), "data/7 is not in the file"),
        (view(&storage("FloatStorage", "../data.pkl", 4), 0, &[1], &[1]), "is not in the file"),
        (view(&storage("UntypedStorage", "0", 4), 0, &[1], &[1]), "two element types, or none"),
        (view(b"N", 0, &[1], &[1]), "a tensor's storage is"),
        (global("torch._utils", "_rebuild_tensor_v2"), "`a` is broken: it is a function"),
    ] {
        refuses_pickle(&dict(&value), part);
    }
    let function = global("torch._utils", "_rebuild_tensor_v2");
    for count in 0..6 {
        let call = [&function[..], b"(", &b"N".repeat(count), b"tR"].concat();
        refuses_pickle(&dict(&call), &format!("with {count} arguments: expected 6 or 7"));
    }
    let parts = [&floats[..], b"K\0", b"K\x01\x85", b"K\x01\x85", b"\x89", b"N"];
    for (wrong, value) in
        (0..4).flat_map(|part| [&b"N"[..], b"}", b"\x88\x85"].map(|it| (part, it)))
    {
        let mut parts = parts;
        parts[wrong] = value;
        let call = [&function[..], b"(", &parts.concat(), b"tR"].concat();
        refuses_pickle(&dict(&call), "a tensor's ");
    }
    let parameter = global("torch._utils", "_rebuild_parameter");
    refuses_pickle(&dict(&[&parameter[..], b"N\x88N\x87R"].concat()), "expected a tensor");
    refuses_pickle(&dict(&[&parameter[..], b")R"].concat()), "0 arguments");
}

#[test]
fn names_are_unique_and_are_names() {
    let tensor = view(&storage("FloatStorage", "0", 4), 0, &[4], &[1]);
    let twice = [
        b"\x80\x02}".to_vec(),
        [text("a"), tensor.clone(), b"s".to_vec()].concat().repeat(2),
        b".".to_vec(),
    ];
    refuses_pickle(&twice.concat(), "tensor `a` occurs twice");
    let dotted = [
        b"\x80\x02}".to_vec(),
        text("a.b"),
        tensor.clone(),
        b"s".to_vec(),
        text("a"),
        b"}".to_vec(),
        text("b"),
        tensor.clone(),
        b"ss.".to_vec(),
    ];
    refuses_pickle(&dotted.concat(), "tensor `a.b` occurs twice");
    // A key that is no name has its place in the dict.
    let odd = [b"\x80\x02}N".to_vec(), tensor.clone(), b"s.".to_vec()].concat();
    assert!(open(&with(&odd)).unwrap().read("<key 1>").is_ok());
    assert!(open(&with(b"\x80\x02}N}s.")).is_ok());
}

#[test]
fn archives_that_can_be_read_in_two_ways() {
    let pickle = good();
    let changed = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = records(&pickle);
        change(&mut records);
        archive(&records)
    };
    assert!(open(&changed(&|_| {})).is_ok());
    refuses(&changed(&|records| records[0].crc ^= 1), "\"m/data.pkl\" is damaged");
    refuses(&changed(&|records| records[0].method = 8), "\"m/data.pkl\" is compressed");
    refuses(&changed(&|records| records[1].method = 8), "data/0 is compressed");
    refuses(&changed(&|records| records[0].flags = 1), "\"m/data.pkl\" is encrypted");
    refuses(&changed(&|records| records[1].flags = 0x40), "\"m/data/0\" is encrypted");
    refuses(&changed(&|records| records[1].flags = 0x20), "zip flags 0x0020");
    refuses(
        &changed(&|records| records[1].name_in_place = "m/data/2".into()),
        "described differently",
    );
    refuses(&changed(&|records| records.push(records[1].clone())), "\"m/data/0\" occurs twice");
    refuses(&changed(&|records| records[1].length = 17), "");
    refuses(&changed(&|records| records[1].length = 15), "has 15 bytes: expected 4 elements");
    refuses(&changed(&|records| records[0].length = u32::MAX), "");
    refuses(&changed(&|records| drop(records.remove(1))), "data/0 is not in the file");
    refuses(&changed(&|records| drop(records.remove(0))), "no record data.pkl");
    refuses(
        &changed(&|records| records.push(Record::new("n/data.pkl", b"x"))),
        "two records data.pkl",
    );
    refuses(
        &changed(&|records| records.push(Record::new("m/byteorder", b"big"))),
        "byte order is `big`",
    );
    refuses(&changed(&|records| records.push(Record::new("m/constants.pkl", b""))), "TorchScript");
    for name in ["../x", "/etc/passwd", "m/../../x", "m\\x", "m/\0"] {
        refuses(&changed(&|records| records.push(Record::new(name, b""))), "out of the archive");
    }

    let whole = changed(&|_| {});
    refuses(&[&whole[..], b"\0"].concat(), "bytes after its end");
    refuses(&[b"PK\x03\x04", &whole[..]].concat(), "zip directory");
    refuses(&whole[..whole.len() - 1], "is cut");
    // The fields of the end record: disks, counts, the directory's length and place, the length of
    // a comment.
    for (place, value) in [(4, 1), (6, 1), (8, 9), (10, 9), (12, 1), (16, 1), (19, 0x7f), (20, 1)] {
        let mut changed = whole.clone();
        let at = changed.len() - 22 + place;
        changed[at] = changed[at].wrapping_add(value);
        refuses(&changed, "");
    }
    // Claims of 64-bit records that are not there.
    let mut claims = whole.clone();
    let at = claims.len() - 14;
    claims[at..at + 12].fill(0xff);
    refuses(&claims, "");
}

#[test]
fn a_pickle_that_is_larger_than_any() {
    let mut records = records(&[b"\x80\x02}.", &vec![b'N'; 64 << 20][..]].concat());
    records[0].crc = 0;
    refuses(&archive(&records), "\"m/data.pkl\" has 67108868 bytes: expected at most 67108864");
}

/// The archive with end records of 64 bits, and the numbers of its directory's first entry moved
/// into an extra field.
fn archive64(extra: impl Fn(&[u64; 3]) -> Vec<u8>) -> Vec<u8> {
    let whole = with(&good());
    let end = whole.len() - 22;
    let place = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    let start = place(end + 16) as usize;
    let length = u64::from(place(start + 24));
    let extra = extra(&[length, length, u64::from(place(start + 42))]);
    let name = start + 46..start + 46 + usize::from(whole[start + 28]);
    let mut entry = whole[start..name.end].to_vec();
    entry[20..28].fill(0xff);
    entry[42..46].fill(0xff);
    entry[30..32].copy_from_slice(&(extra.len() as u16).to_le_bytes());
    let directory = [&entry[..], &extra, &whole[name.end..end]].concat();
    let end64 = (start + directory.len()) as u64;
    let numbers = [3, 3, directory.len() as u64, start as u64].map(u64::to_le_bytes).concat();
    [
        &whole[..start],
        &directory,
        b"PK\x06\x06\x2c\0\0\0\0\0\0\0",
        &[0; 12],
        &numbers,
        b"PK\x06\x07\0\0\0\0",
        &end64.to_le_bytes(),
        b"\x01\0\0\0PK\x05\x06\0\0\0\0",
        &[0xff; 12],
        &[0; 2],
    ]
    .concat()
}

fn extra64(numbers: &[u64]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [&[1, 0], &(bytes.len() as u16).to_le_bytes()[..], &bytes].concat()
}

#[test]
fn numbers_of_64_bits_that_lie() {
    let whole = archive64(|numbers| extra64(numbers));
    let expected = open(&whole).unwrap().read("a").unwrap().bytes().to_vec();
    assert_eq!(expected, [4, 5, 6, 7, 12, 13, 14, 15]);
    // Each byte of the end records and of the directory's extra field.
    let extra = whole.windows(4).position(|window| window == [1, 0, 24, 0]).unwrap();
    for place in (extra..extra + 28).chain(whole.len() - 98..whole.len()) {
        for change in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] ^= change;
            if let Ok(data) = open(&changed).and_then(|file| Ok(file.read("a")?.bytes().to_vec())) {
                assert_eq!(data, expected, "byte {place} ^ {change}");
            }
        }
    }
    for huge in [u64::MAX, 1 << 63, 1 << 40] {
        for place in 0..3 {
            let lie = archive64(|numbers| {
                let mut numbers = *numbers;
                numbers[place] = huge;
                extra64(&numbers)
            });
            refuses(&lie, "");
        }
    }
    refuses(&archive64(|numbers| extra64(&numbers[..2])), "zip directory is damaged");
    refuses(&archive64(|numbers| extra64(&[&numbers[..], &[0]].concat())), "directory is damaged");
    refuses(&archive64(|_| Vec::new()), "zip directory is damaged");
}

#[test]
fn instructions_that_pytorch_could_write_and_does_not() {
    let tensor = view(&storage("FloatStorage", "0", 4), 0, &[4], &[1]);
    // DICT and LIST, EMPTY_SET and FROZENSET, a negative LONG1 and one of nine bytes.
    let built =
        [&b"\x80\x04("[..], &text("a"), &tensor, &text("b"), b"(", &tensor, b"ld."].concat();
    let checkpoint = open(&with(&built)).unwrap();
    let names: Vec<_> = checkpoint.tensors().iter().map(|meta| &*meta.name).collect();
    assert_eq!(names, ["a", "b.0"]);
    for value in
        [&b"\x8f"[..], b"(\x91", b"\x8a\x01\xff", b"\x8a\x09abcdefghi", b"\x96\0\0\0\0\0\0\0\0"]
    {
        let other =
            [&b"\x80\x05}"[..], &text("a"), &tensor, b"s", &text("n"), value, b"s."].concat();
        assert_eq!(open(&with(&other)).unwrap().tensors().len(), 1);
    }
}

#[test]
fn a_file_that_is_cut_or_changed_while_it_is_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bin");
    let whole = dict(&view(&storage("FloatStorage", "0", 4), 0, &[4], &[1]));
    let bytes = with(&whole);
    std::fs::write(&path, &bytes).unwrap();
    let checkpoint = Checkpoint::open_file(&path).unwrap();
    assert!(checkpoint.read("a").is_ok());
    let place =
        bytes.windows(16).position(|window| window == (0..16).collect::<Vec<u8>>()).unwrap();
    let mut changed = bytes.clone();
    changed[place + 3] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let message = checkpoint.read("a").unwrap_err().to_string();
    assert!(message.contains("tensor `a`") && message.contains("checksum"), "{message}");
    std::fs::write(&path, &bytes[..place + 8]).unwrap();
    let message = checkpoint.read("a").unwrap_err().to_string();
    assert!(message.contains("tensor `a`") && message.contains("x.bin"), "{message}");
}
