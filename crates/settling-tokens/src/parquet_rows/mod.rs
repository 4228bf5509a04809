//! Token rows in Parquet files, by training step.

mod chunks;
mod columns;
mod fault;
mod pages;
mod thrift;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use settling_core::{ReadRange, Step, TokenBatch, TokenSource};

use self::chunks::Chunks;
use self::columns::{Cells, Column, ROWS_AT_ONCE, leaf};
use self::fault::{Fault, guarded};
use crate::error::{Error, ErrorKind, check_rows};
use crate::ranges::open_file;

const IDS: &str = "ids";
const STEP: &str = "step";

/// How many steps are decoded at a time.
const STEPS_AT_ONCE: usize = 1 << 16;

/// Token rows in a Parquet file with a list of token ids (column `ids`) and the training step
/// (column `step`) in every row, as the [presampled batches of Pythia's training
/// data](https://huggingface.co/datasets/pretraining-playground/pythia-pile-presampled). Needs the
/// crate feature `parquet`.
///
/// Both columns are integers of any width, the lists equally long; other columns are ignored.
/// Opening reads the steps (of a file of a million rows some kilobytes, if they are sorted) and one
/// row; other rows are read when they are asked for.
///
/// Batch N is the one that a checkpoint of step N has *not* seen yet: it follows. The last batch of
/// a run of 143,000 steps is therefore step 142,999.
///
/// ```no_run
/// use settling_core::{Step, TokenSource};
/// use settling_tokens::ParquetTokens;
///
/// let file = ParquetTokens::open("checkpoint_steps.parquet")?;
/// let batch = file.step(Step(142_999))?;
/// let first = batch.read_rows(0..128)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
///
/// Files that are uncompressed or compressed by Snappy (what pandas and Hugging Face datasets
/// write) are read.
///
/// The decoder below panics on some damaged files. Such a panic becomes an [`Error`], unless the
/// program is built with `panic = "abort"`; the panic hook is still called, so that a message may
/// appear.
pub struct ParquetTokens {
    name: String,
    reader: SerializedFileReader<Chunks>,
    ids: usize,
    /// Where each row group ends.
    group_ends: Vec<usize>,
    /// Rows of one step, ordered by step and then by place.
    runs: Vec<(Step, Range<usize>)>,
    width: usize,
}

impl ParquetTokens {
    /// Opens a file, checks its columns, and reads which rows are of which step.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no Parquet file or damaged, lacks one of the columns, has one
    /// of another type, or has a row without a step, or no rows.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::new(open_file(path.as_ref())?)
    }

    /// Checks columns and steps as [`open`](Self::open) does, in bytes from anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): bytes that cannot be read, are no Parquet file or damaged, or
    /// lack a column of steps or tokens.
    pub fn new(bytes: impl ReadRange + 'static) -> Result<Self, Error> {
        let name = bytes.name();
        let mut file = guarded(&name, || {
            let reader = SerializedFileReader::new(Chunks(Arc::new(bytes)))?;
            Self::check(&name, reader)
        })?;
        let mut first = Vec::new();
        file.read_pieces(std::slice::from_ref(&(0..1)), &mut first)?;
        file.width = first.len();
        Ok(file)
    }

    fn check(name: &str, reader: SerializedFileReader<Chunks>) -> Result<Self, Fault> {
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let ids = leaf(&schema, IDS, 1)?;
        let step = leaf(&schema, STEP, 0)?;
        let mut end = 0_usize;
        let mut group_ends = Vec::new();
        for group in reader.metadata().row_groups() {
            end = usize::try_from(group.num_rows())
                .ok()
                .and_then(|rows| end.checked_add(rows))
                .ok_or_else(|| Fault::format("a row group has an impossible number of rows"))?;
            group_ends.push(end);
            for column in [ids, step] {
                let codec = group.column(column).compression();
                if !matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY) {
                    return Err(Fault::format(format!(
                        "is compressed by {codec}: write it with compression=\"snappy\" or \"none\""
                    )));
                }
            }
        }
        if end == 0 {
            return Err(Fault::format("has 0 rows: expected at least one"));
        }
        let mut file =
            Self { name: name.to_owned(), reader, ids, group_ends, runs: Vec::new(), width: 0 };
        for group in 0..file.group_ends.len() {
            let rows = file.group(group);
            let mut column = Column::open(&file.reader, group, step)?;
            let mut row = rows.start;
            while row < rows.end {
                let cells = column.read((rows.end - row).min(STEPS_AT_ONCE))?;
                for cell in cells.numbers {
                    let step = cell.and_then(|number| u64::try_from(number).ok());
                    let step = step.map(Step).ok_or_else(|| {
                        let found = cell.map_or("null".to_owned(), |number| number.to_string());
                        Fault::format(format!("row {row}, column `{STEP}`: {found} is no step"))
                    })?;
                    match file.runs.last_mut() {
                        Some((last, run)) if *last == step => run.end += 1,
                        _ => file.runs.push((step, row..row + 1)),
                    }
                    row += 1;
                }
            }
        }
        file.runs.sort_unstable_by_key(|(step, run)| (*step, run.start));
        Ok(file)
    }

    /// The steps that rows are of, ascending.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.runs.chunk_by(|(a, _), (b, _)| a == b).map(|runs| runs[0].0)
    }

    /// The rows of one step, in the order of the file.
    ///
    /// # Errors
    ///
    /// If there are none; the nearest steps that are there are named.
    pub fn step(&self, step: Step) -> Result<ParquetStep<'_>, Error> {
        let start = self.runs.partition_point(|(one, _)| *one < step);
        let end = self.runs.partition_point(|(one, _)| *one <= step);
        if start == end {
            let near = [start.checked_sub(1), Some(start)].into_iter().flatten();
            let near: Vec<String> =
                near.filter_map(|at| Some(self.runs.get(at)?.0.to_string())).collect();
            let message = format!("no row is of step {step}: nearest {}", near.join(" and "));
            return Err(self.fault(ErrorKind::Rows, message));
        }
        let runs = &self.runs[start..end];
        Ok(ParquetStep { file: self, runs, rows: runs.iter().map(|(_, run)| run.len()).sum() })
    }

    /// The number of tokens in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    fn group(&self, group: usize) -> Range<usize> {
        let start = group.checked_sub(1).map_or(0, |before| self.group_ends[before]);
        start..self.group_ends[group]
    }

    fn fault(&self, kind: ErrorKind, message: impl fmt::Display) -> Error {
        Error::at(kind, Path::new(&self.name), message)
    }

    /// Appends the ids of some rows: pieces of the file, ascending.
    fn read_pieces(&self, pieces: &[Range<usize>], ids: &mut Vec<u32>) -> Result<(), Error> {
        guarded(&self.name, || {
            for group in 0..self.group_ends.len() {
                let rows = self.group(group);
                let mut column = None;
                let mut row = rows.start;
                for piece in pieces {
                    let piece = piece.start.max(rows.start)..piece.end.min(rows.end);
                    if piece.is_empty() {
                        continue;
                    }
                    let column = match &mut column {
                        Some(column) => column,
                        none => none.insert(Column::open(&self.reader, group, self.ids)?),
                    };
                    column.skip(piece.start - row)?;
                    row = piece.start;
                    while row < piece.end {
                        let cells = column.read((piece.end - row).min(ROWS_AT_ONCE))?;
                        self.append(&cells, row, ids)?;
                        row += cells.rows;
                    }
                }
            }
            Ok(())
        })
    }

    /// Appends the ids of some rows, checked.
    fn append(&self, cells: &Cells, first_row: usize, ids: &mut Vec<u32>) -> Result<(), Fault> {
        let (mut row, mut column) = (first_row, 0);
        for (place, cell) in cells.numbers.iter().enumerate() {
            if place > 0 && cells.starts_row(place) {
                self.check_width(row, column)?;
                (row, column) = (row + 1, 0);
            }
            let Some(number) = *cell else {
                return Err(Fault::format(format!(
                    "row {row}, column `{IDS}`: a null, or no tokens, at place {column}"
                )));
            };
            ids.push(u32::try_from(number).map_err(|_| {
                let message = format!("row {row}, column {column}: {number} is no token id");
                Fault::Ours(ErrorKind::Token, message)
            })?);
            column += 1;
        }
        self.check_width(row, column)
    }

    fn check_width(&self, row: usize, found: usize) -> Result<(), Fault> {
        // 0 while the first row is read to learn it.
        if self.width == 0 || self.width == found {
            return Ok(());
        }
        Err(Fault::format(format!(
            "row {row} has {found} tokens, row 0 has {}: expected rows of one length",
            self.width
        )))
    }

    fn batch(&self, pieces: &[Range<usize>]) -> Result<TokenBatch, Error> {
        // The rows are claims of the file's until they are read: nothing is reserved for them.
        let mut ids = Vec::new();
        self.read_pieces(pieces, &mut ids)?;
        TokenBatch::new(ids, self.width).map_err(|error| self.fault(ErrorKind::Format, error))
    }

    fn check_rows(&self, asked: &Range<usize>, there: usize) -> Result<(), Error> {
        check_rows(asked, there, |kind, message| self.fault(kind, message))
    }
}

impl TokenSource for ParquetTokens {
    type Error = Error;

    fn rows(&self) -> usize {
        self.group_ends.last().copied().unwrap_or(0)
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Error> {
        self.check_rows(&rows, self.rows())?;
        self.batch(&[rows])
    }
}

impl fmt::Debug for ParquetTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetTokens")
            .field("name", &self.name)
            .field("rows", &self.rows())
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

/// The rows of one step in a [`ParquetTokens`].
#[derive(Clone, Debug)]
pub struct ParquetStep<'a> {
    file: &'a ParquetTokens,
    runs: &'a [(Step, Range<usize>)],
    rows: usize,
}

impl TokenSource for ParquetStep<'_> {
    type Error = Error;

    fn rows(&self) -> usize {
        self.rows
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Error> {
        self.file.check_rows(&rows, self.rows)?;
        let mut pieces = Vec::new();
        let mut before = 0;
        for (_, run) in self.runs {
            let start = run.start + rows.start.saturating_sub(before);
            let end = run.start + rows.end.saturating_sub(before).min(run.len());
            if start < end {
                pieces.push(start..end);
            }
            before += run.len();
        }
        self.file.batch(&pieces)
    }
}
