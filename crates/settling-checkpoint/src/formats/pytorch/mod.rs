//! One file of `torch.save`, or of `pickle.dump` of tensors: its directory and its pickles checked
//! once, its tensors read one by one.

mod bytes;
mod pickle;
mod state_dict;
mod strided;
mod zip;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use settling_core::{Dtype, TensorData, TensorMeta};

use self::pickle::Unread;
use self::state_dict::{NamedTensor, StateDict, StorageBytes, state_dict};
use self::zip::Records;
use super::Fault;
use crate::error::{Error, ErrorKind};
use crate::files::{Source, other_format};

/// The pickle of a model of 100,000 tensors has about 20 MB.
const LONGEST_PICKLE: u64 = 64 << 20;
/// `little` or `big`.
const LONGEST_BYTE_ORDER: u64 = 16;

const TAR_REMEDY: &str = "if you trust it, load it with PyTorch and save it again: torch.save(torch.load(f, weights_only=False), f)";
const SCRIPT_REMEDY: &str =
    "load it with PyTorch and save its weights: torch.save(torch.jit.load(f).state_dict(), f)";

#[derive(Debug)]
pub(crate) struct PytorchFile {
    source: Source,
    /// The tensors in the order of the pickle.
    tensors: Vec<NamedTensor>,
    index: HashMap<String, usize>,
    others: u64,
    opaque: BTreeMap<String, u64>,
    wrapper: Option<&'static str>,
}

impl PytorchFile {
    pub(crate) fn open(source: Source) -> Result<Self, Error> {
        let start = source.start(512)?;
        let found = if start.starts_with(b"PK\x03\x04") {
            open_archive(&source)
        } else if start.starts_with(b"\x80") {
            open_pickle(&source)
        } else {
            Err(not_read(&start, source.len()).into())
        };
        let found = found.map_err(|fault| match fault {
            Fault::Read(error) => error,
            Fault::Format(message) => Error::at(ErrorKind::Format, source.path(), message),
        })?;
        let names = found.tensors.iter().map(|tensor| tensor.name.clone());
        let index = names.zip(0..).collect();
        let StateDict { tensors, others, opaque, wrapper } = found;
        Ok(Self { source, tensors, index, others, opaque, wrapper })
    }

    pub(crate) fn path(&self) -> &Path {
        self.source.path()
    }

    /// How many values are no tensors.
    pub(crate) fn others(&self) -> u64 {
        self.others
    }

    /// How many of these are made by what function or class.
    pub(crate) fn opaque(&self) -> impl Iterator<Item = (&str, u64)> {
        self.opaque.iter().map(|(name, count)| (&**name, *count))
    }

    /// The key of the root that is no part of the names of what it holds.
    pub(crate) fn wrapper(&self) -> Option<&'static str> {
        self.wrapper
    }

    /// Whether a tensor is one that the wrapper holds.
    pub(crate) fn is_wrapped(&self, name: &str) -> bool {
        self.index.get(name).is_some_and(|&index| self.tensors[index].is_wrapped)
    }

    /// The tensors that are not read, with what they are.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tensors.iter().filter_map(|tensor| {
            let unread = tensor.content.as_ref().err()?;
            Some((&*tensor.name, &*unread.kind))
        })
    }

    /// The tensors that can be read, in the order of the file.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorMeta> {
        self.tensors.iter().filter_map(|tensor| {
            let stored = tensor.content.as_ref().ok()?;
            let (name, shape) = (tensor.name.clone(), stored.layout.shape().to_vec());
            Some(TensorMeta { name, dtype: stored.dtype, shape })
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<TensorData<'static>, Error> {
        let Some(tensor) = self.index.get(name).map(|&index| &self.tensors[index]) else {
            let message = format!("has no tensor `{name}`");
            return Err(Error::at(ErrorKind::MissingTensor, self.path(), message));
        };
        let stored = tensor.content.as_ref().map_err(|unread| {
            let Unread { kind, why } = unread;
            let (sort, not_read) = match unread.is_broken() {
                true => (ErrorKind::Format, ""),
                false => (ErrorKind::Dtype, ", which is not read"),
            };
            let message = format!("tensor `{name}` is {kind}{not_read}: {why}");
            Error::at(sort, self.path(), message)
        })?;
        let dtype = stored.dtype;
        let fault = |message: String| {
            Error::at(ErrorKind::Format, self.path(), format!("tensor `{name}`: {message}"))
        };
        let (first, count) = stored.layout.range();
        let size = dtype.size() as u64;
        let part = first * size..(first + count) * size;
        let bytes = match &stored.storage {
            StorageBytes::Record(record) => zip::read_part(&self.source, record, part),
            StorageBytes::Range(range) => {
                let start = range.start + part.start;
                let bytes = self.source.read("read a storage of", start, part.end - part.start);
                bytes.map_err(Fault::from)
            }
        };
        let bytes = bytes.map_err(|found| match found {
            Fault::Read(error) => error.within(&format!("tensor `{name}`")),
            Fault::Format(message) => fault(message),
        })?;
        if let StorageBytes::Record(record) = &stored.storage
            && bytes.len() as u64 == record.length
            && !record.is_intact(&bytes)
        {
            return Err(fault("its bytes are damaged: they have not the file's checksum".into()));
        }
        let mut bytes = stored.layout.gather(bytes, dtype.size());
        if stored.is_negative {
            negate(dtype, &mut bytes);
        }
        TensorData::new(dtype, stored.layout.shape().to_vec(), bytes)
            .map_err(|error| fault(error.to_string()))
    }
}

fn open_archive(source: &Source) -> Result<StateDict, Fault> {
    let records = zip::records(source)?;
    let mut pickles =
        records.keys().filter_map(|name| name.strip_suffix("data.pkl")).filter(is_folder);
    let prefix = match (pickles.next(), pickles.next()) {
        (Some(prefix), None) => prefix.to_owned(),
        (None, _) => {
            return Err(
                "is a zip archive, but not one of PyTorch: there is no record data.pkl".into()
            );
        }
        (Some(_), Some(_)) => return Err("has two records data.pkl: expected one".into()),
    };
    if records.contains_key(&format!("{prefix}constants.pkl")) {
        let message = format!("is a TorchScript program, which is not run here: {SCRIPT_REMEDY}");
        return Err(message.into());
    }
    if let Some(record) = records.get(&format!("{prefix}byteorder")) {
        let order = zip::read_record(source, record, LONGEST_BYTE_ORDER)?;
        if order != b"little" {
            let order = order.escape_ascii();
            return Err(format!(
                "its byte order is `{order}`: expected `little`; load it with PyTorch and save it on a little-endian machine"
            )
            .into());
        }
    }
    let name = format!("{prefix}data.pkl");
    let pickle = zip::read_record(source, &records[&name], LONGEST_PICKLE)?;
    let values = pickle::load_record(&Source::in_memory(source.path(), pickle))
        .map_err(|fault| fault.at(&name))?;
    Ok(state_dict(&values, &records, &prefix)?)
}

fn open_pickle(source: &Source) -> Result<StateDict, Fault> {
    Ok(state_dict(&pickle::load_file(source)?, &Records::new(), "")?)
}

/// The negatives of all elements, as PyTorch has them: the sign of a float is changed, an integer
/// wraps.
fn negate(dtype: Dtype, bytes: &mut [u8]) {
    let is_float = dtype.is_float();
    for element in bytes.chunks_exact_mut(dtype.size()) {
        if is_float {
            element[dtype.size() - 1] ^= 0x80;
            continue;
        }
        // Two's complement: all bits changed, plus one.
        let mut carry = true;
        for byte in element {
            let (sum, more) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, more);
        }
    }
}

/// Whether a record's name up to `data.pkl` is that of the archive's one folder, or empty.
fn is_folder(prefix: &&str) -> bool {
    prefix.is_empty() || (prefix.ends_with('/') && prefix.matches('/').count() == 1)
}

/// What a file of `size` bytes is that begins neither as a zip archive nor as a pickle.
fn not_read(start: &[u8], size: u64) -> String {
    if start.is_empty() {
        return "is empty: expected a file of torch.save".to_owned();
    }
    if start.get(257..262) == Some(b"ustar") {
        return format!("is a tar archive, perhaps of a very old PyTorch: {TAR_REMEDY}");
    }
    let length = start.first_chunk().map(|length| u64::from_le_bytes(*length));
    if start.get(8) == Some(&b'{') && length.is_some_and(|length| length < size) {
        return "is a safetensors file: rename it to end in .safetensors".to_owned();
    }
    match other_format(start) {
        Some(format) => format!("is {format}, not a file of torch.save"),
        None => "is neither a zip archive nor a pickle of protocol 2 to 5: expected a file of torch.save".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn golden(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch");
        std::fs::read(folder.join(name)).unwrap()
    }

    fn open(bytes: &[u8]) -> Result<PytorchFile, Error> {
        PytorchFile::open(Source::in_memory("x.bin", bytes.to_vec()))
    }

    /// Opens the file and reads all of it: an error, or tensors of the shapes that it announces.
    fn read_all(bytes: &[u8]) -> Result<Vec<TensorData<'static>>, Error> {
        let file = open(bytes)?;
        for (name, _) in file.unread() {
            // That it is not read is as good as an error here.
            file.read(name)?;
        }
        let read = |meta: TensorMeta| {
            let data = file.read(&meta.name)?;
            assert_eq!((data.dtype(), data.shape()), (meta.dtype, &meta.shape[..]));
            Ok(data)
        };
        file.tensors().map(read).collect()
    }

    #[test]
    fn a_file_cut_at_any_byte_is_an_error() {
        for name in ["repacked.bin", "plain.bin", "pythia.bin", "plain.pickle", "legacy_plain.bin"]
        {
            let whole = golden(name);
            assert!(read_all(&whole).is_ok());
            for length in 0..whole.len() {
                let error = read_all(&whole[..length]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Format, "{name} cut to {length}: {error}");
            }
        }
    }

    #[test]
    fn a_changed_byte_is_never_worse_than_an_error_and_never_another_value() {
        let mut whole = golden("repacked.bin");
        let expected = read_all(&whole).unwrap();
        for place in 0..whole.len() {
            let original = whole[place];
            for value in 0..=u8::MAX {
                whole[place] = value;
                if let Ok(tensors) = read_all(&whole) {
                    assert_eq!(tensors, expected, "byte {place} = {value}");
                }
            }
            whole[place] = original;
        }
    }

    /// There are no checksums in these: what is there is what the file says.
    #[test]
    fn a_changed_byte_of_a_pickle_is_never_worse_than_an_error_and_changes_what_it_says_only() {
        for name in ["repacked.pickle", "legacy_repacked.bin"] {
            let mut whole = golden(name);
            let expected = read_all(&whole).unwrap();
            let data = [1_f32, 2.0].map(f32::to_le_bytes).concat();
            let data_at = whole.windows(8).position(|window| window == data).unwrap();
            for place in 0..whole.len() {
                let original = whole[place];
                for value in 0..=u8::MAX {
                    whole[place] = value;
                    match read_all(&whole) {
                        Ok(tensors) if (data_at..data_at + 8).contains(&place) => {
                            let mut bytes = data.clone();
                            bytes[place - data_at] = value;
                            assert_eq!(tensors[0].bytes(), bytes);
                        }
                        // Another shape, stride or offset that fits too.
                        Ok(tensors) if tensors != expected => {
                            assert_eq!(whole[place - 1], b'K', "{name}: byte {place} = {value}");
                            assert_eq!(tensors[0].dtype(), expected[0].dtype());
                        }
                        _ => {}
                    }
                }
                whole[place] = original;
            }
        }
    }

    #[test]
    fn a_flipped_bit_of_a_file_of_pytorch_is_never_worse_than_an_error() {
        for name in
            ["plain.bin", "unread.bin", "no_checksums.bin", "views.pickle", "legacy_views.bin"]
        {
            let mut whole = golden(name);
            for place in 0..whole.len() {
                for bit in 0..8 {
                    whole[place] ^= 1 << bit;
                    let _ = read_all(&whole);
                    whole[place] ^= 1 << bit;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_change_of_several_bytes_is_worse_than_an_error(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            for name in ["no_checksums.bin", "shapes.pickle", "legacy_shapes.bin"] {
                let mut whole = golden(name);
                for (place, value) in &changes {
                    let place = place.index(whole.len());
                    whole[place] = *value;
                }
                let _ = read_all(&whole);
            }
        }
    }
}
