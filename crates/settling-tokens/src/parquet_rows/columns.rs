//! Columns of integers and of lists of them.

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::chunks::Chunks;
use super::fault::Fault;
use super::pages::Pages;

/// How many rows of tokens are decoded at a time.
pub(super) const ROWS_AT_ONCE: usize = 256;

/// The place of an integer column: a number, or a list of numbers if `depth` is 1.
pub(super) fn leaf(schema: &SchemaDescriptor, name: &str, depth: i16) -> Result<usize, Fault> {
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
pub(super) struct Column {
    reader: ColumnReader,
    signed: bool,
    /// The definition level of a value that is there.
    defined: i16,
}

/// Some rows of a column.
pub(super) struct Cells {
    pub(super) rows: usize,
    pub(super) numbers: Vec<Option<i128>>,
    /// The levels of a list: 0 where a row starts. Empty if it is none.
    repetition: Vec<i16>,
}

impl Cells {
    pub(super) fn starts_row(&self, place: usize) -> bool {
        self.repetition.get(place).is_none_or(|&level| level == 0)
    }
}

impl Column {
    pub(super) fn open(
        file: &SerializedFileReader<Chunks>,
        group: usize,
        leaf: usize,
    ) -> Result<Self, Fault> {
        let column = file.metadata().file_metadata().schema_descr().column(leaf);
        let signed = integer_sign(&column).unwrap_or(true);
        let defined = column.max_def_level();
        let pages = Pages::new(file.get_row_group(group)?.get_column_page_reader(leaf)?);
        Ok(Self { reader: get_column_reader(column, Box::new(pages)), signed, defined })
    }

    pub(super) fn skip(&mut self, rows: usize) -> Result<(), Fault> {
        match &mut self.reader {
            ColumnReader::Int32ColumnReader(reader) => skip(reader, rows),
            ColumnReader::Int64ColumnReader(reader) => skip(reader, rows),
            _ if rows == 0 => Ok(()),
            _ => Err(too_few()),
        }
    }

    /// Reads at least one and at most `rows` rows.
    pub(super) fn read(&mut self, rows: usize) -> Result<Cells, Fault> {
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
