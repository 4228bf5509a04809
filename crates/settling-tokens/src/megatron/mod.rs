//! Megatron's data sets: `.bin` and `.idx`.

mod index;
mod llm_c;
mod token_type;

use std::io;
use std::ops::Range;
use std::path::Path;

use settling_core::{LocalFile, ReadRange, Step, TokenBatch, TokenSource};

use self::index::Index;
use self::llm_c::is_llm_c;
use crate::error::{Error, ErrorKind, check_rows};
use crate::ranges::{Shards, open_file, read_exactly};

pub use token_type::TokenType;

/// The most that is read at once; a batch of Pythia has 4 MB.
const LONGEST_READ: u64 = 64 << 20;

/// Token rows of a Megatron data set (`.bin` and `.idx`) whose sequences all have one length, as
/// Pythia's training data.
///
/// Rows are read when they are asked for, and nothing else is: the files may have hundreds of
/// gigabytes, lie in shards or on a server ([`ReadRange`]). Rows that follow each other are read at
/// once.
///
/// | you have | use |
/// |---|---|
/// | the `.bin` and the `.idx` | [`open`](Self::open), [`open_with_index`](Self::open_with_index): check each against the other |
/// | the `.bin` alone | [`open_bin`](Self::open_bin), with the width and the type; Pythia: 2049, [`TokenType::U16`] |
/// | the `.bin` in shards | [`open_shards`](Self::open_shards) |
/// | byte ranges from elsewhere | [`new`](Self::new), [`with_index`](Self::with_index) |
///
/// ```no_run
/// use settling_core::{Step, TokenSource};
/// use settling_tokens::{MegatronTokens, TokenType};
///
/// let shards: Vec<_> = (0..=20).map(|n| format!("document-{n:05}-of-00020.bin")).collect();
/// let tokens = MegatronTokens::open_shards(&shards, 2049, TokenType::U16)?;
/// // The last batch that Pythia was trained on: 4 MB at the end of the last shard.
/// let batch = tokens.batch(Step(142_999), 1024)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
#[derive(Debug)]
pub struct MegatronTokens {
    bytes: Box<dyn ReadRange>,
    index: Option<Index>,
    rows: usize,
    width: usize,
    element: TokenType,
}

impl MegatronTokens {
    /// Opens a `.bin` with the `.idx` that lies beside it under the same name.
    ///
    /// The index of a large data set is large itself (Pythia's has 1.76 GB) and is not read whole:
    /// now its header and its ends, later the entries of the rows asked for.
    /// [`check_index`](Self::check_index) reads all of it.
    ///
    /// ```no_run
    /// use settling_tokens::MegatronTokens;
    ///
    /// // Reads data/train.idx, too.
    /// let tokens = MegatronTokens::open("data/train.bin")?;
    /// # Ok::<(), settling_tokens::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a file cannot be read, the index is damaged or does not belong to the `.bin`, or the
    /// sequences are seen to differ in length.
    pub fn open(bin: impl AsRef<Path>) -> Result<Self, Error> {
        let bin = bin.as_ref();
        if bin.extension().is_some_and(|end| end == "idx") {
            let message = "is an index: name the .bin beside it";
            return Err(Error::at(ErrorKind::Format, bin, message));
        }
        let (bytes, index) = (open_file(bin)?, bin.with_extension("idx"));
        let index = LocalFile::open(&index).map_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Error::io("open", &index, error);
            }
            if let Err(error) = open_bare(bin) {
                return error;
            }
            let message = format!(
                "has no {} beside it, so nobody says how long its rows are. If it is nothing but tokens, as nanoGPT's train.bin of uint16, cut rows and save them as .npy: ids = numpy.fromfile(BIN, \"uint16\"); numpy.save(\"rows.npy\", ids[:len(ids) // T * T].reshape(-1, T))",
                index.display()
            );
            Error::at(ErrorKind::Io, bin, message)
        })?;
        Self::with_index(bytes, index)
    }

    /// Opens a `.bin` and an `.idx` that lies elsewhere: as [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): files that cannot be read, are damaged, or do not belong
    /// together.
    pub fn open_with_index(bin: impl AsRef<Path>, index: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_index(open_file(bin.as_ref())?, open_file(index.as_ref())?)
    }

    /// Opens a `.bin` that is nothing but rows of `width` tokens.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not one or more whole rows.
    pub fn open_bin(
        path: impl AsRef<Path>,
        width: usize,
        element: TokenType,
    ) -> Result<Self, Error> {
        Self::new(open_bare(path.as_ref())?, width, element)
    }

    /// Opens the shards of a `.bin`, in their order. A row may begin in one and end in the next.
    ///
    /// # Errors
    ///
    /// Those of [`open_bin`](Self::open_bin): bytes that cannot be read or are no whole rows. And
    /// if the names say (`…-00003-of-00020.bin`) that a shard is missing or in the wrong place.
    pub fn open_shards<P: AsRef<Path>>(
        paths: &[P],
        width: usize,
        element: TokenType,
    ) -> Result<Self, Error> {
        for (place, path) in paths.iter().enumerate() {
            check_shard_name(path.as_ref(), place, paths.len())?;
        }
        let parts: Result<Vec<_>, _> = paths.iter().map(|path| open_bare(path.as_ref())).collect();
        Self::new(Shards::new(parts?)?, width, element)
    }

    /// Rows of `width` tokens in any bytes: those of a `.bin` or, through [`Shards`], of its
    /// shards.
    ///
    /// # Errors
    ///
    /// If the bytes are not one or more whole rows.
    pub fn new(
        bytes: impl ReadRange + 'static,
        width: usize,
        element: TokenType,
    ) -> Result<Self, Error> {
        Self::from_parts(Box::new(bytes), None, width as u64, element)
    }

    /// Rows in the bytes of a `.bin` under the bytes of its `.idx`, from anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): bytes that cannot be read, are damaged, or do not belong
    /// together.
    pub fn with_index(
        bytes: impl ReadRange + 'static,
        index: impl ReadRange + 'static,
    ) -> Result<Self, Error> {
        let index = Index::open(Box::new(index), bytes.len())?;
        let (width, element) = (index.width, index.element);
        Self::from_parts(Box::new(bytes), Some(index), width, element)
    }

    fn from_parts(
        bytes: Box<dyn ReadRange>,
        index: Option<Index>,
        width: u64,
        element: TokenType,
    ) -> Result<Self, Error> {
        let length = bytes.len();
        let row = width.checked_mul(element.size() as u64).filter(|&row| row > 0);
        let rows = row.filter(|row| length.is_multiple_of(*row)).map_or(0, |row| length / row);
        let (Ok(rows @ 1..), Ok(width)) = (usize::try_from(rows), usize::try_from(width)) else {
            let message = format!(
                "{length} bytes are not one or more whole rows of {width} {}-byte tokens: another width or type, or the file is cut",
                element.size()
            );
            return Err(Error::at(ErrorKind::Format, Path::new(&bytes.name()), message));
        };
        Ok(Self { bytes, index, rows, width, element })
    }

    /// The number of tokens in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The type of the tokens.
    #[must_use]
    pub fn token_type(&self) -> TokenType {
        self.element
    }

    /// The batch that follows checkpoint `step` in a training run that takes `batch_rows` rows
    /// (Pythia: 1024) at a time, in order.
    ///
    /// A checkpoint of step N has been trained on batches `0..N`; batch N is the next one, which it
    /// has not seen. The last batch that a run of N steps was trained on is therefore batch N - 1.
    ///
    /// # Errors
    ///
    /// If the data set ends before the batch does, or the rows cannot be read.
    pub fn batch(&self, step: Step, batch_rows: usize) -> Result<TokenBatch, Error> {
        let start = usize::try_from(step.0).ok().and_then(|step| step.checked_mul(batch_rows));
        let end = start.and_then(|start| start.checked_add(batch_rows));
        match (start, end) {
            (Some(start), Some(end)) if end <= self.rows && batch_rows > 0 => {
                self.read_rows(start..end)
            }
            _ => {
                let message = format!(
                    "batch {step} of {batch_rows} rows was asked for, {} rows are there: {} whole batches",
                    self.rows,
                    self.rows.checked_div(batch_rows).unwrap_or(0)
                );
                Err(self.fault(ErrorKind::Rows, message))
            }
        }
    }

    /// Checks every entry of the index, which [`read_rows`](TokenSource::read_rows) does only for
    /// the rows asked for. Without an index there is nothing to check.
    ///
    /// # Errors
    ///
    /// If an entry is not that of equal sequences that lie one after the other; the first one that
    /// is not is named.
    pub fn check_index(&self) -> Result<(), Error> {
        self.index.as_ref().map_or(Ok(()), |index| index.check(0..index.sequences))
    }

    fn fault(&self, kind: ErrorKind, message: String) -> Error {
        Error::at(kind, Path::new(&self.bytes.name()), message)
    }

    /// Appends the ids of some whole rows.
    fn decode(&self, bytes: &[u8], first_row: usize, ids: &mut Vec<u32>) -> Result<(), Error> {
        for (place, bytes) in bytes.chunks_exact(self.element.size()).enumerate() {
            let number = self.element.number(bytes);
            ids.push(u32::try_from(number).map_err(|_| {
                let (row, column) = (first_row + place / self.width, place % self.width);
                let remedy = match self.element {
                    TokenType::I16 => ": are the tokens uint16 (code 8)?",
                    _ => "",
                };
                let message =
                    format!("row {row}, column {column}: {number} is no token id{remedy}");
                self.fault(ErrorKind::Token, message)
            })?);
        }
        Ok(())
    }
}

impl TokenSource for MegatronTokens {
    type Error = Error;

    fn rows(&self) -> usize {
        self.rows
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Error> {
        check_rows(&rows, self.rows, |kind, message| self.fault(kind, message))?;
        if let Some(index) = &self.index {
            index.check(rows.start as u64..rows.end as u64)?;
        }
        // Nothing here overflows: the rows are within the bytes.
        let row_bytes = self.width * self.element.size();
        let at_once = usize::try_from(LONGEST_READ / row_bytes as u64).unwrap_or(1).max(1);
        let mut ids = Vec::with_capacity(rows.len() * self.width);
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start.saturating_add(at_once));
            let range = start as u64 * row_bytes as u64..end as u64 * row_bytes as u64;
            self.decode(&read_exactly(&*self.bytes, range)?, start, &mut ids)?;
            start = end;
        }
        TokenBatch::new(ids, self.width)
            .map_err(|error| self.fault(ErrorKind::Format, error.to_string()))
    }
}

/// Opens a file of nothing but tokens; of one that is known to begin with a header, the header
/// would be taken for tokens too.
fn open_bare(path: &Path) -> Result<LocalFile, Error> {
    let bytes = open_file(path)?;
    let Some(element) = is_llm_c(&bytes)? else { return Ok(bytes) };
    let message = format!(
        "is a data file of llm.c: a header of 1,024 bytes before {element} tokens. Cut rows and save them as .npy: ids = numpy.fromfile(BIN, \"{element}\", offset=1024); numpy.save(\"rows.npy\", ids[:len(ids) // T * T].reshape(-1, T))"
    );
    Err(Error::at(ErrorKind::Format, path, message))
}

/// A name such as `document-00003-of-00020.bin` tells the place of a shard; any other name tells
/// nothing.
///
/// Pythia's data set numbers its 21 shards from 0 "of 20", others would say "of 21": both are
/// taken.
fn check_shard_name(path: &Path, place: usize, shards: usize) -> Result<(), Error> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let Some((before, total)) = stem.rsplit_once("-of-") else { return Ok(()) };
    let number = before.rsplit('-').next().unwrap_or_default();
    let (Ok(number), Ok(total)) = (number.parse::<usize>(), total.parse::<usize>()) else {
        return Ok(());
    };
    if number == place && (shards == total || shards == total.saturating_add(1)) {
        return Ok(());
    }
    let message = format!(
        "is by its name shard {number} of {total}, given as shard {place} of {shards} (counted from 0): give every shard, in order"
    );
    Err(Error::at(ErrorKind::Rows, path, message))
}
