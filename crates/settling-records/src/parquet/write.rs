//! Writes records as Parquet.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnPath;
use settling_core::BoxError;

use crate::error::{Error, ErrorKind};
use crate::parquet::schema::{VERSION, schema};
use crate::parquet::seal;
use crate::tables::record::Record;
use crate::tables::table::finite;

/// Few enough that a reader needs little memory at a time.
const ROWS_PER_GROUP: usize = 1 << 16;

/// Writes `records` as a Parquet file with the columns of `records.csv`, in that order: integers in
/// 64 bits, numbers in f64, text in dictionaries, and null where CSV has nothing. Needs the crate
/// feature `parquet`.
///
/// The same records give the same bytes. pandas, polars and everything else that reads Parquet
/// reads the file.
///
/// # Errors
///
/// If `out` cannot be written, a value is not finite (an undefined value has a reason instead), or
/// a step, layer, head or count is above 2^63 - 1: a signed integer is what readers of CSV take it
/// for too.
pub fn write_records_parquet<'a>(
    mut out: impl Write,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<(), Error> {
    let records: Vec<&Record> = records.into_iter().collect();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema(), Arc::new(properties()))
        .map_err(not_written)?;
    for records in records.chunks(ROWS_PER_GROUP) {
        let mut columns = Columns { group: writer.next_row_group().map_err(not_written)?, records };
        columns.write()?;
        columns.group.close().map_err(not_written)?;
    }
    let file = writer.into_inner().map_err(not_written)?;
    out.write_all(&seal::put(file)).and_then(|()| out.flush()).map_err(not_written)
}

fn properties() -> WriterProperties {
    let [step, value] = ["step", "value"].map(ColumnPath::from);
    WriterProperties::builder()
        .set_created_by(concat!("settling-records ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(step, false)
        .set_column_dictionary_enabled(value, false)
        // Of each group, which is what readers choose by.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build()
}

fn not_written(cause: impl Into<BoxError>) -> Error {
    Error::caused(ErrorKind::Io, "cannot write Parquet", cause)
}

/// The columns of one group, of which each call writes the next.
struct Columns<'a, 'file> {
    group: SerializedRowGroupWriter<'file, Vec<u8>>,
    records: &'a [&'a Record],
}

impl<'a> Columns<'a, '_> {
    fn write(&mut self) -> Result<(), Error> {
        self.integers("schema", |_| Some(VERSION.cast_unsigned()))?;
        self.texts(|record| Some((&record.model).into()))?;
        self.integers("step", |record| Some(record.step.0))?;
        self.integers("layer", |record| Some(record.site.layer as u64))?;
        self.texts(|record| Some(record.site.component.name().into()))?;
        self.texts(|record| Some(record.site.view.name().into()))?;
        self.integers("head", |record| record.site.head.map(|head| head as u64))?;
        self.texts(|record| Some(record.signal.name().into()))?;
        self.texts(|record| Some((&record.metric).into()))?;
        self.column::<DoubleType>(|record| {
            record.value.as_ref().ok().map(|value| finite(*value, &record.metric)).transpose()
        })?;
        self.integers("n", |record| Some(record.n as u64))?;
        self.integers("width", |record| Some(record.width as u64))?;
        self.texts(|record| record.positions.map(|positions| positions.to_string().into()))?;
        self.texts(|record| Some(record.estimator_cell()))?;
        self.texts(|record| Some((&record.protocol).into()))
    }

    fn integers(&mut self, name: &str, cell: impl Fn(&Record) -> Option<u64>) -> Result<(), Error> {
        self.column::<Int64Type>(|record| {
            let Some(number) = cell(record) else { return Ok(None) };
            i64::try_from(number).map(Some).map_err(|_| {
                let message = format!(
                    "column `{name}`: {number} is above {}, the largest integer of a Parquet file's column",
                    i64::MAX
                );
                Error::new(ErrorKind::Cell, message)
            })
        })
    }

    fn texts(&mut self, cell: impl Fn(&'a Record) -> Option<Cow<'a, str>>) -> Result<(), Error> {
        self.column::<ByteArrayType>(|record| {
            Ok(cell(record).map(|text| ByteArray::from(text.into_owned().into_bytes())))
        })
    }

    fn column<T: DataType>(
        &mut self,
        cell: impl Fn(&'a Record) -> Result<Option<T::T>, Error>,
    ) -> Result<(), Error> {
        let (mut values, mut defined) = (Vec::new(), Vec::new());
        for &record in self.records {
            let cell = cell(record)?;
            defined.push(i16::from(cell.is_some()));
            values.extend(cell);
        }
        let mut write = || -> Result<(), ParquetError> {
            let mut column = self.group.next_column()?.expect("as many calls as columns");
            column.typed::<T>().write_batch(&values, Some(&defined), None)?;
            column.close()
        };
        write().map_err(not_written)
    }
}
