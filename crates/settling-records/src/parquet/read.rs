//! Reads records from Parquet, from files as this crate wrote them.

use std::fmt;
use std::io::Read;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use settling_core::{BoxError, Component, Signal, Site, Step, View};

use crate::error::{Error, ErrorKind};
use crate::parquet::schema::{VERSION, schema};
use crate::parquet::seal;
use crate::tables::record::{COLUMNS, Record};
use crate::tables::table::{first_twice, twice};

/// What a row takes at least: its step, which is neither in a dictionary nor compressed.
const BYTES_PER_ROW: usize = 8;

/// Reads a `records.parquet` as [`write_records_parquet`](crate::write_records_parquet) wrote it.
/// Needs the crate feature `parquet`.
///
/// A file carries a hash of all its bytes, so that one which was cut or damaged is an error and
/// never another number. A file that another program wrote, or wrote anew, has no such hash and is
/// refused; read such tables as CSV, which takes them from anywhere.
///
/// The hash tells damage, not intent: whoever makes a file that is meant to do harm can make its
/// hash too. What the file says of its length is held against its size, and a panic of the decoder
/// becomes an error (unless the program is built with `panic = "abort"`).
///
/// # Errors
///
/// If `input` cannot be read, the file is not as it was written, the columns are not those of this
/// schema, a cell does not hold what its column asks for, or two rows give the same number; the
/// message names the row, from 0.
pub fn read_records_parquet(mut input: impl Read) -> Result<Vec<Record>, Error> {
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .map_err(|error| Error::caused(ErrorKind::Io, "cannot read Parquet", error))?;
    seal::check(&bytes)?;
    // What a panic leaves half-done is dropped.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes.into())));
    decoded.unwrap_or_else(|_| Err(damaged("the decoder of Parquet panicked")))
}

fn decode(bytes: Bytes) -> Result<Vec<Record>, Error> {
    let most = bytes.len() / BYTES_PER_ROW;
    let file = SerializedFileReader::new(bytes).map_err(damaged)?;
    let found = file.metadata().file_metadata().schema();
    if *found != *schema() {
        let found: Vec<String> =
            found.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let message = format!(
            "expected the columns `{}` in their types, found `{}`",
            COLUMNS.join(","),
            found.join(",")
        );
        return Err(Error::new(ErrorKind::Schema, message));
    }
    let mut records = Vec::new();
    for group in 0..file.num_row_groups() {
        let reader = file.get_row_group(group).map_err(damaged)?;
        let rows = usize::try_from(reader.metadata().num_rows()).ok();
        let rows = rows.filter(|rows| *rows <= most - records.len()).ok_or_else(|| {
            damaged(format!("it claims more rows than the {most} that it has room for"))
        })?;
        Group { reader: &*reader, first: records.len(), rows }.read(&mut records)?;
    }
    if let Some([first, second]) = first_twice(&records, Record::key) {
        let [row, again] = [first, second].map(|index| &records[index]);
        let what = twice(row, again, row.described());
        return Err(Error::new(ErrorKind::Twice, format!("rows {first} and {second} {what}")));
    }
    Ok(records)
}

fn damaged(cause: impl Into<BoxError>) -> Error {
    Error::caused(ErrorKind::Damaged, "is damaged", cause)
}

struct Group<'a> {
    reader: &'a dyn RowGroupReader,
    /// The row of the file with which it begins.
    first: usize,
    rows: usize,
}

impl Group<'_> {
    fn read(&self, records: &mut Vec<Record>) -> Result<(), Error> {
        let versions: Vec<i64> = self.integers("schema")?;
        if let Some(other) = versions.into_iter().find(|&version| version != VERSION) {
            let message = format!("schema version `{other}`: this version reads `{VERSION}`");
            return Err(Error::new(ErrorKind::Schema, message));
        }
        let mut models = self.texts("model")?;
        let steps = self.integers("step")?;
        let layers = self.integers("layer")?;
        let components = self.named("component", &Component::ALL, Component::name)?;
        let views = self.named("view", &View::ALL, View::name)?;
        let heads = self.optional_integers("head")?;
        let signals = self.named("signal", &Signal::ALL, Signal::name)?;
        let mut metrics = self.texts("metric")?;
        let values = self.cells::<DoubleType>("value")?;
        let ns = self.integers("n")?;
        let widths = self.integers("width")?;
        let positions = self.optional_texts("positions")?;
        let mut estimators = self.texts("estimator")?;
        let mut protocols = self.texts("protocol")?;
        for row in 0..self.rows {
            let (estimator, value) = self.value(row, values[row], take(&mut estimators[row]))?;
            let parsed = positions[row].as_deref().map(FromStr::from_str).transpose();
            records.push(Record {
                model: take(&mut models[row]),
                step: Step(steps[row]),
                site: Site {
                    layer: layers[row],
                    component: components[row],
                    view: views[row],
                    head: heads[row],
                },
                signal: signals[row],
                metric: take(&mut metrics[row]),
                value,
                n: ns[row],
                width: widths[row],
                positions: parsed.map_err(|error| self.error(row, "positions", error))?,
                estimator,
                protocol: take(&mut protocols[row]),
            });
        }
        Ok(())
    }

    fn value(
        &self,
        row: usize,
        value: Option<f64>,
        estimator: String,
    ) -> Result<(String, Result<f64, String>), Error> {
        match value {
            Some(value) if value.is_finite() => Ok((estimator, Ok(value))),
            Some(value) => {
                Err(self.error(row, "value", format!("expected a finite number, found {value}")))
            }
            None => match estimator.split_once(':') {
                Some((estimator, reason)) => Ok((estimator.to_owned(), Err(reason.to_owned()))),
                None => {
                    let message = "expected a number, or null with `estimator:reason`";
                    Err(self.error(row, "value", message))
                }
            },
        }
    }

    fn error(&self, row: usize, column: &str, message: impl fmt::Display) -> Error {
        let message = format!("row {}, column `{column}`: {message}", self.first + row);
        Error::new(ErrorKind::Cell, message)
    }

    fn integers<N: TryFrom<i64>>(&self, name: &str) -> Result<Vec<N>, Error> {
        // Of a required column every cell is there.
        Ok(self.optional_integers(name)?.into_iter().flatten().collect())
    }

    fn optional_integers<N: TryFrom<i64>>(&self, name: &str) -> Result<Vec<Option<N>>, Error> {
        let cells = self.cells::<Int64Type>(name)?.into_iter().enumerate();
        let whole = |(row, cell): (usize, Option<i64>)| {
            let Some(number) = cell else { return Ok(None) };
            N::try_from(number).map(Some).map_err(|_| {
                self.error(row, name, format!("expected a count or an index, found {number}"))
            })
        };
        cells.map(whole).collect()
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.optional_texts(name)?.into_iter().flatten().collect())
    }

    fn optional_texts(&self, name: &str) -> Result<Vec<Option<String>>, Error> {
        let cells = self.cells::<ByteArrayType>(name)?.into_iter().enumerate();
        let text = |(row, cell): (usize, Option<parquet::data_type::ByteArray>)| {
            let Some(bytes) = cell else { return Ok(None) };
            let text =
                str::from_utf8(bytes.data()).map_err(|error| self.error(row, name, error))?;
            Ok(Some(text.to_owned()))
        };
        cells.map(text).collect()
    }

    /// Each cell is the name of one of `all`.
    fn named<T: Copy>(
        &self,
        column: &str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<Vec<T>, Error> {
        let texts = self.texts(column)?.into_iter().enumerate();
        let found = texts.map(|(row, text)| {
            all.iter().copied().find(|&one| name(one) == text).ok_or_else(|| {
                let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
                self.error(
                    row,
                    column,
                    format!("expected one of {}, found `{text}`", names.join(", ")),
                )
            })
        });
        found.collect()
    }

    fn cells<T: DataType>(&self, name: &str) -> Result<Vec<Option<T::T>>, Error> {
        let place = COLUMNS.iter().position(|&column| column == name).expect("one of the columns");
        let reader = self.reader.get_column_reader(place).map_err(damaged)?;
        let mut reader = get_typed_column_reader::<T>(reader);
        let (mut values, mut defined, mut rows) = (Vec::new(), Vec::new(), 0);
        while rows < self.rows {
            let (read, ..) = reader
                .read_records(self.rows - rows, Some(&mut defined), None, &mut values)
                .map_err(damaged)?;
            if read == 0 {
                return Err(damaged(format!(
                    "column `{name}` ends after {rows} of {} rows",
                    self.rows
                )));
            }
            rows += read;
        }
        let there = |level: &&i16| **level == 1;
        // A required column has no levels.
        if defined.is_empty() && values.len() == self.rows {
            return Ok(values.into_iter().map(Some).collect());
        }
        if defined.len() != self.rows || defined.iter().filter(there).count() != values.len() {
            return Err(damaged(format!("column `{name}` has not as many cells as rows")));
        }
        let mut values = values.into_iter();
        let cell = |level: &i16| if *level == 1 { values.next() } else { None };
        Ok(defined.iter().map(cell).collect())
    }
}
