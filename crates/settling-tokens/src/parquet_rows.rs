use std::fmt;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use settling_core::{ReadRange, Step, TokenBatch, TokenSource};

use crate::error::{Error, ErrorKind, check_rows};
use crate::ranges::open_file;
use crate::thrift::{begins_with_structure, has_room_for_its_dictionary};

const IDS: &str = "ids";
const STEP: &str = "step";

/// How many rows of tokens are decoded at a time.
const ROWS_AT_ONCE: usize = 256;

/// Of a column of integers it has some dozens of bytes.
const LONGEST_PAGE_HEADER: u64 = 8 << 10;

/// The length of the footer and the mark behind it.
const END: u64 = 8;

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

    /// As [`open`](Self::open), for bytes from anywhere.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
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

/// What went wrong within [`guarded`].
enum Fault {
    Ours(ErrorKind, String),
    Decoder(ParquetError),
}

impl Fault {
    fn format(message: impl Into<String>) -> Self {
        Self::Ours(ErrorKind::Format, message.into())
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Decoder(error)
    }
}

/// Runs what calls the decoder: its errors, and its panics on damaged files, become errors that
/// name the file.
fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Error> {
    let path = Path::new(name);
    // What a panic leaves half-done is dropped: `work` owns or only reads what it uses, and
    // gathered ids are not used.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Fault::Ours(kind, message))) => Err(Error::at(kind, path, message)),
        Ok(Err(Fault::Decoder(ParquetError::External(error)))) => {
            match error.downcast::<io::Error>() {
                Ok(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Err(Error::at(ErrorKind::Format, path, format!("is cut or damaged: {error}")))
                }
                Ok(error) => Err(Error::io("read", path, *error)),
                Err(error) => Err(Error::at(ErrorKind::Format, path, error)),
            }
        }
        Ok(Err(Fault::Decoder(error))) => {
            let message = format!("is no Parquet file, cut or damaged: {error}");
            Err(Error::at(ErrorKind::Format, path, message))
        }
        Err(_) => {
            let message = "is a damaged Parquet file: its decoder panicked";
            Err(Error::at(ErrorKind::Format, path, message))
        }
    }
}

/// The place of an integer column: a number, or a list of numbers if `depth` is 1.
fn leaf(schema: &SchemaDescriptor, name: &str, depth: i16) -> Result<usize, Fault> {
    let expected = if depth == 0 { "an integer" } else { "a list of integers" };
    let is_named =
        |column: &ColumnDescriptor| column.path().parts().first().is_some_and(|root| root == name);
    let mut leaves = schema.columns().iter().enumerate().filter(|(_, column)| is_named(column));
    let Some((place, column)) = leaves.next() else {
        let columns = schema.root_schema().get_fields().iter().take(8);
        let columns: Vec<&str> = columns.map(|column| column.name()).collect();
        let found = columns.join("`, `");
        let message = format!("has no column `{name}`: expected {expected}, found `{found}`");
        return Err(Fault::format(message));
    };
    let physical = column.physical_type();
    let whole =
        matches!(physical, Physical::INT32 | Physical::INT64) && integer_sign(column).is_some();
    if !whole || column.max_rep_level() != depth || leaves.next().is_some() {
        let found = match (column.max_rep_level(), column.logical_type_ref()) {
            (0, None) => format!("{physical:?}"),
            (0, Some(logical)) => format!("{physical:?} ({logical:?})"),
            (depth, None) => format!("{depth} nested list(s) of {physical:?}"),
            (depth, Some(logical)) => {
                format!("{depth} nested list(s) of {physical:?} ({logical:?})")
            }
        };
        let message = format!("column `{name}`: expected {expected}, found {found}");
        return Err(Fault::format(message));
    }
    Ok(place)
}

/// Whether the integers of a column are signed; `None` if they stand for something else, such as
/// dates.
fn integer_sign(column: &ColumnDescriptor) -> Option<bool> {
    use ConvertedType as C;
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Integer(kind)), _) => Some(kind.is_signed),
        (Some(_), _) => None,
        (None, C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64) => Some(true),
        (None, C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64) => Some(false),
        _ => None,
    }
}

/// The cells of one column in one row group.
struct Column {
    reader: ColumnReader,
    signed: bool,
    /// The definition level of a value that is there.
    defined: i16,
}

/// Some rows of a column.
struct Cells {
    rows: usize,
    numbers: Vec<Option<i128>>,
    /// Of a list: 0 where a row starts. Else empty.
    repetition: Vec<i16>,
}

impl Cells {
    fn starts_row(&self, place: usize) -> bool {
        self.repetition.get(place).is_none_or(|&level| level == 0)
    }
}

impl Column {
    fn open(file: &SerializedFileReader<Chunks>, group: usize, leaf: usize) -> Result<Self, Fault> {
        let schema = file.metadata().file_metadata().schema_descr();
        let signed = integer_sign(&schema.column(leaf)).unwrap_or(true);
        let defined = schema.column(leaf).max_def_level();
        Ok(Self { reader: file.get_row_group(group)?.get_column_reader(leaf)?, signed, defined })
    }

    fn skip(&mut self, rows: usize) -> Result<(), Fault> {
        match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => skip(reader, rows),
            ColumnReader::Int64ColumnReader(reader) => skip(reader, rows),
            _ if rows == 0 => Ok(()),
            _ => Err(too_few()),
        }
    }

    /// Reads at least one and at most `rows` rows.
    fn read(&mut self, rows: usize) -> Result<Cells, Fault> {
        let (signed, defined) = (self.signed, self.defined);
        match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => cells(reader, rows, defined, |number| {
                if signed { number.into() } else { number.cast_unsigned().into() }
            }),
            ColumnReader::Int64ColumnReader(reader) => cells(reader, rows, defined, |number| {
                if signed { number.into() } else { number.cast_unsigned().into() }
            }),
            _ => Err(Fault::format("a row group's column is not of the file's type")),
        }
    }
}

/// Reads rows and forgets them: the decoder's own `skip_records` never ends where a page has fewer
/// lists than it says.
fn skip<T: DataType>(reader: &mut ColumnReaderImpl<T>, mut rows: usize) -> Result<(), Fault> {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    while rows > 0 {
        values.clear();
        definition.clear();
        repetition.clear();
        let (read, ..) = reader.read_records(
            rows.min(ROWS_AT_ONCE),
            Some(&mut definition),
            Some(&mut repetition),
            &mut values,
        )?;
        if read == 0 {
            return Err(too_few());
        }
        rows -= read;
    }
    Ok(())
}

fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    defined: i16,
    number: impl Fn(T::T) -> i128,
) -> Result<Cells, Fault> {
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    let (rows, read, levels) =
        reader.read_records(rows, Some(&mut definition), Some(&mut repetition), &mut values)?;
    if rows == 0 || levels == 0 {
        return Err(too_few());
    }
    let starts = repetition.iter().filter(|&&level| level == 0).count();
    let whole = repetition.is_empty() || (repetition[0] == 0 && starts == rows);
    if values.len() != read || !whole {
        return Err(Fault::format("is damaged: its lists do not end where its rows do"));
    }
    let mut values = values.into_iter();
    let numbers = if definition.is_empty() {
        values.map(|value| Some(number(value))).collect()
    } else {
        let value = |level: &i16| {
            if *level == defined { values.next().map(&number) } else { None }
        };
        definition.iter().map(value).collect()
    };
    Ok(Cells { rows, numbers, repetition })
}

fn too_few() -> Fault {
    Fault::format("is cut or damaged: a row group has fewer rows than it says")
}

/// Any bytes, as the decoder asks for them.
struct Chunks(Arc<dyn ReadRange>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<FromPlace>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        // The header of a page, unless it is the end of the file.
        let left = self.0.len().saturating_sub(start);
        if left != END {
            let begin = self.get_bytes(start, left.min(LONGEST_PAGE_HEADER) as usize)?;
            let message = match has_room_for_its_dictionary(&begin) {
                Some(true) => None,
                Some(false) => {
                    Some("a page's header claims a dictionary that the page cannot hold")
                }
                None => Some("a page's header is none"),
            };
            if let Some(message) = message {
                return Err(ParquetError::General(message.to_owned()));
            }
        }
        Ok(BufReader::new(FromPlace { bytes: Arc::clone(&self.0), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.0.len());
        let end = end.ok_or_else(|| {
            ParquetError::EOF(format!("no {length} bytes from byte {start} in {}", self.0.len()))
        })?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let read = self.0.read_range(start..end).map_err(external)?;
        if read.len() != length {
            let message = format!("{length} bytes were asked for, got {}", read.len());
            return Err(external(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
        }
        if length > 0 && end + END == self.0.len() && !begins_with_structure(&read) {
            return Err(ParquetError::General("its footer is none".to_owned()));
        }
        Ok(read.into())
    }
}

fn external(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The bytes from a place on, read as a stream. Reading on at the end is an error: the decoder asks
/// for no more than a sound file has, and passes over billions of things that a damaged one does
/// not have, one by one, as long as it hears of no error.
struct FromPlace {
    bytes: Arc<dyn ReadRange>,
    place: u64,
}

impl Read for FromPlace {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.len().saturating_sub(self.place);
        let count = left.min(buffer.len() as u64);
        if count == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends within a page"));
        }
        let read = self.bytes.read_range(self.place..self.place + count)?;
        let count = read.len().min(buffer.len());
        buffer[..count].copy_from_slice(&read[..count]);
        self.place += count as u64;
        Ok(count)
    }
}
