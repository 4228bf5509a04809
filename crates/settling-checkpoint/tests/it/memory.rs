//! One tensor of a file of ten gigabytes costs the memory of the tensor and little more.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use settling_checkpoint::{Checkpoint, ErrorKind};
use settling_core::TensorSource;

use crate::pieces::{self, embedded, keys, stored, text, view};

const HUGE: u64 = 10 << 30;
const WIDTH: usize = 2048;
const WEIGHT: u64 = (WIDTH * WIDTH * 4) as u64;
/// Where four elements of the huge storage are, in elements.
const SLICE: u64 = 2_000_000_000;
const ALLOWED: u64 = 16 << 20;

const FILE: &str = "SETTLING_TEST_MEMORY_FILE";

#[test]
fn a_tensor_of_a_huge_file_costs_itself() {
    const NAME: &str = "memory::a_tensor_of_a_huge_file_costs_itself";
    if let Some(path) = std::env::var_os(FILE) {
        return read(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, write) in [
        ("huge.safetensors", safetensors as fn(&mut File)),
        ("huge.bin", archive),
        ("huge.pickle", pickle),
        ("huge.pt", legacy),
        ("claim.pickle", claim),
        ("bomb.pickle", bomb),
    ] {
        let path = folder.path().join(name);
        let mut file = File::create(&path).unwrap();
        // Where there are no sparse files, there may not be room for ten gigabytes of zeros.
        let is_sparse = file.set_len(HUGE).is_ok()
            && file.metadata().is_ok_and(|metadata| metadata.blocks() * 512 < HUGE / 10);
        if !is_sparse {
            eprintln!(
                "skipped: the file system of {} has no sparse files",
                folder.path().display()
            );
            return;
        }
        file.set_len(0).unwrap();
        write(&mut file);
        let mut child = Command::new(std::env::current_exe().unwrap());
        let child = child.args([NAME, "--exact", "--nocapture"]).env(FILE, &path);
        let output = child.output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{name}: {said}");
        eprintln!("{name}: {}", said.lines().find(|line| line.contains("MiB")).unwrap_or("?"));
        std::fs::remove_file(&path).unwrap();
    }
}

/// What the child process does.
fn read(path: &Path) {
    let before = peak();
    let (mut expected, mut allowed) = (0, ALLOWED);
    match Checkpoint::open_file(path) {
        Ok(checkpoint) => {
            let weight = checkpoint.read("weight").unwrap();
            assert_eq!(weight.shape(), [WIDTH, WIDTH]);
            assert_eq!((weight.bytes()[0], weight.bytes()[WEIGHT as usize - 1]), (1, 2));
            drop(weight);
            assert_eq!(checkpoint.read("slice").unwrap().bytes(), pattern());
            expected = WEIGHT;
        }
        Err(error) => {
            assert!(path.ends_with("claim.pickle") || path.ends_with("bomb.pickle"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Format);
            let is_bomb = error.to_string().contains("its names are longer than");
            assert!(is_bomb || error.to_string().contains("cut"), "{error}");
            allowed = 4 << 20;
        }
    }
    let more = peak() - before;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("{:.1} MiB for a tensor of {:.1} MiB", mib(more), mib(expected));
    assert!(more <= expected + allowed, "{more} bytes for a tensor of {expected}");
}

/// The most memory that this process has had so far, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

fn pattern() -> Vec<u8> {
    (1..=16).collect()
}

/// The huge storage, with 16 bytes in it that are not zero.
fn write_huge(file: &mut File) {
    let start = file.stream_position().unwrap();
    file.seek(SeekFrom::Start(start + SLICE * 4)).unwrap();
    file.write_all(&pattern()).unwrap();
    file.seek(SeekFrom::Start(start + HUGE)).unwrap();
}

fn write_weight(file: &mut File) {
    let mut bytes = vec![0; WEIGHT as usize];
    bytes[0] = 1;
    bytes[WEIGHT as usize - 1] = 2;
    file.write_all(&bytes).unwrap();
}

fn safetensors(file: &mut File) {
    let (slice, huge, width) = (SLICE * 4, HUGE, WIDTH);
    let header = format!(
        r#"{{"before":{{"dtype":"U8","shape":[{slice}],"data_offsets":[0,{slice}]}},
        "slice":{{"dtype":"F32","shape":[4],"data_offsets":[{slice},{}]}},
        "behind":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{huge}]}},
        "weight":{{"dtype":"F32","shape":[{width},{width}],"data_offsets":[{huge},{}]}}}}"#,
        slice + 16,
        huge - slice - 16,
        slice + 16,
        huge + WEIGHT,
    );
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    write_huge(file);
    write_weight(file);
}

/// The storages' lengths, in elements.
const LENGTHS: [i64; 2] = [(HUGE / 4) as i64, (WEIGHT / 4) as i64];

fn slice(storage: &[u8]) -> Vec<u8> {
    [text("slice"), view(storage, SLICE as i64, &[4], &[1]), b"s".to_vec()].concat()
}

fn weight(storage: &[u8]) -> Vec<u8> {
    let width = WIDTH as i64;
    [text("weight"), view(storage, 0, &[width, width], &[width, 1]), b"s".to_vec()].concat()
}

/// A dict of both, with the storages elsewhere.
fn object() -> Vec<u8> {
    let [huge, small] = LENGTHS;
    let huge = slice(&pieces::storage("FloatStorage", "0", huge));
    let small = weight(&pieces::storage("FloatStorage", "1", small));
    [b"\x80\x02}".to_vec(), huge, small, b".".to_vec()].concat()
}

fn legacy(file: &mut File) {
    file.write_all(&pieces::START.concat()).unwrap();
    file.write_all(&object()).unwrap();
    file.write_all(&keys(&["0", "1"])).unwrap();
    file.write_all(&LENGTHS[0].to_le_bytes()).unwrap();
    write_huge(file);
    file.write_all(&LENGTHS[1].to_le_bytes()).unwrap();
    write_weight(file);
}

fn pickle(file: &mut File) {
    // What is before and behind the storage's bytes in the pickle.
    let around = |named: fn(&[u8]) -> Vec<u8>| {
        let whole = named(b"HERE");
        let place = whole.windows(4).position(|window| window == b"HERE").unwrap();
        (whole[..place].to_vec(), whole[place + 4..].to_vec())
    };
    file.write_all(b"\x80\x04}").unwrap();
    for (length, named, write) in [
        (LENGTHS[0], slice as fn(&[u8]) -> Vec<u8>, write_huge as fn(&mut File)),
        (LENGTHS[1], weight, write_weight),
    ] {
        let (before, behind) = around(named);
        let start = stored("FloatStorage", length);
        file.write_all(&before).unwrap();
        file.write_all(&embedded(start.len() as u64 + 4 * length as u64)).unwrap();
        file.write_all(&start).unwrap();
        write(file);
        file.write_all(b"\x85R").unwrap();
        file.write_all(&behind).unwrap();
    }
    file.write_all(b".").unwrap();
}

/// Says that it is larger than any file.
fn claim(file: &mut File) {
    file.write_all(b"\x80\x04}").unwrap();
    file.write_all(&embedded(1 << 63)).unwrap();
    file.set_len(HUGE).unwrap();
}

/// Tuples of the same tuple twice, a hundred deep, in the object and in the pickle around it.
fn bomb(file: &mut File) {
    let tuples = [&b")q\0"[..], &b"0h\0h\0\x86q\0".repeat(100)].concat();
    let object = [b"\x80\x02", &tuples[..], b"0", &pieces::storage("FloatStorage", "0", 4), b"."];
    let bytes = [&pieces::legacy(&object.concat(), "0", 4)[..], &pattern()].concat();
    let tensor = view(&pieces::load_from_bytes(&bytes), 0, &[4], &[1]);
    let twice = [&b"("[..], &tensor, &tuples, b"t"].concat();
    file.write_all(&pieces::dict(&twice)).unwrap();
}

/// An archive with 64-bit sizes, laid out as PyTorch does: sizes behind the data, and in the
/// directory's extra fields those numbers that do not fit into 32 bits.
fn archive(file: &mut File) {
    const MOST: u64 = u32::MAX as u64;
    let pickle = object();
    let mut directory = Vec::new();
    type Write<'a> = &'a dyn Fn(&mut File);
    let records: [(&str, u64, Write<'_>); 3] = [
        ("m/data.pkl", pickle.len() as u64, &|file| file.write_all(&pickle).unwrap()),
        ("m/data/0", HUGE, &write_huge),
        ("m/data/1", WEIGHT, &write_weight),
    ];
    let extra = |numbers: &[u64]| {
        let wide = numbers.iter().filter(|&&number| number >= MOST);
        let wide: Vec<u8> = wide.flat_map(|number| number.to_le_bytes()).collect();
        if wide.is_empty() {
            return wide;
        }
        [&[1, 0], &(wide.len() as u16).to_le_bytes()[..], &wide].concat()
    };
    let short = |number: u64| (number.min(MOST) as u32).to_le_bytes();
    for (name, length, write) in records {
        let offset = file.stream_position().unwrap();
        let in_place = extra(&[length, length, offset]);
        file.write_all(b"PK\x03\x04\0\0\x08\x08").unwrap();
        file.write_all(&[0; 18]).unwrap();
        file.write_all(&(name.len() as u16).to_le_bytes()).unwrap();
        file.write_all(&(in_place.len() as u16).to_le_bytes()).unwrap();
        file.write_all(name.as_bytes()).unwrap();
        file.write_all(&in_place).unwrap();
        write(file);
        file.write_all(b"PK\x07\x08\0\0\0\0").unwrap();
        for _ in 0..2 {
            let sizes = length.to_le_bytes();
            file.write_all(&sizes[..if length >= MOST { 8 } else { 4 }]).unwrap();
        }
        let in_directory = extra(&[length, length, offset]);
        directory.extend(b"PK\x01\x02\0\0\0\0\x08\x08");
        directory.extend([0; 10]);
        directory.extend(short(length));
        directory.extend(short(length));
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend((in_directory.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(short(offset));
        directory.extend(name.as_bytes());
        directory.extend(&in_directory);
    }
    let start = file.stream_position().unwrap();
    file.write_all(&directory).unwrap();
    let end64 = file.stream_position().unwrap();
    file.write_all(b"PK\x06\x06\x2c\0\0\0\0\0\0\0").unwrap();
    file.write_all(&[0; 12]).unwrap();
    for number in [3, 3, directory.len() as u64, start] {
        file.write_all(&number.to_le_bytes()).unwrap();
    }
    file.write_all(b"PK\x06\x07\0\0\0\0").unwrap();
    file.write_all(&end64.to_le_bytes()).unwrap();
    file.write_all(&[1, 0, 0, 0]).unwrap();
    file.write_all(b"PK\x05\x06\0\0\0\0\x03\0\x03\0").unwrap();
    file.write_all(&short(directory.len() as u64)).unwrap();
    file.write_all(&short(start)).unwrap();
    file.write_all(&[0; 2]).unwrap();
}
