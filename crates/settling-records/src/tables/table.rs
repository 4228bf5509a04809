//! What all tables share: a header, cells, and errors that name the line.

use std::io::{Read, Write};
use std::str::FromStr;

use settling_core::{Component, Site, View};

use crate::error::{Error, ErrorKind};
use crate::version::SCHEMA;

/// Writes a table as CSV.
pub(crate) struct TableWriter<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> TableWriter<W> {
    /// Writes the header line.
    pub(crate) fn new(out: W, columns: &[&str]) -> Result<Self, Error> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(columns).map_err(of_csv)?;
        Ok(Self { writer })
    }

    pub(crate) fn row<const COLUMNS: usize>(
        &mut self,
        cells: [&str; COLUMNS],
    ) -> Result<(), Error> {
        self.writer.write_record(cells).map_err(of_csv)
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.writer.flush().map_err(|error| of_csv(error.into()))
    }
}

/// The message of the CSV crate names the line.
fn of_csv(error: csv::Error) -> Error {
    let kind = if error.is_io_error() { ErrorKind::Io } else { ErrorKind::Cell };
    Error::new(kind, error.to_string())
}

/// The shortest form that reads back to the same f64.
pub(crate) fn number(value: f64, of: &str) -> Result<String, Error> {
    finite(value, of).map(|value| format!("{value:?}"))
}

pub(crate) fn finite(value: f64, of: &str) -> Result<f64, Error> {
    if !value.is_finite() {
        let message = format!(
            "a value of `{of}` is {value}: an undefined value must be written with its reason"
        );
        return Err(Error::new(ErrorKind::Cell, message));
    }
    Ok(value)
}

/// Checks the header and turns every line into a row by `parse`.
pub(crate) fn read_table<T>(
    input: impl Read,
    columns: &[&str],
    parse: impl Fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers().map_err(of_csv)?.clone();
    if header != *columns {
        let found = header.iter().collect::<Vec<_>>().join(",");
        let message = format!("expected the columns `{}`, found `{found}`", columns.join(","));
        return Err(Error::new(ErrorKind::Schema, message));
    }
    let mut rows = Vec::new();
    for cells in reader.records() {
        let cells = cells.map_err(of_csv)?;
        let row = Row { columns, cells: &cells };
        if row.text("schema") != SCHEMA {
            let message =
                format!("schema version `{}`: this version reads `{SCHEMA}`", row.text("schema"));
            return Err(Error::new(ErrorKind::Schema, message));
        }
        rows.push(parse(&row)?);
    }
    Ok(rows)
}

/// One line of a table, read by column name.
pub(crate) struct Row<'a> {
    columns: &'a [&'a str],
    cells: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// The text of a column; the reader has made sure that each line has as many cells as the
    /// header.
    pub(crate) fn text(&self, column: &str) -> &'a str {
        let index = self.columns.iter().position(|&name| name == column);
        index.and_then(|index| self.cells.get(index)).unwrap_or_default()
    }

    pub(crate) fn error(&self, column: &str, expected: &str) -> Error {
        let line = self.cells.position().map_or(0, csv::Position::line);
        let message = format!(
            "line {line}, column `{column}`: expected {expected}, found `{}`",
            self.text(column)
        );
        Error::new(ErrorKind::Cell, message)
    }

    pub(crate) fn parse<T: FromStr>(&self, column: &str, expected: &str) -> Result<T, Error> {
        self.text(column).parse().map_err(|_| self.error(column, expected))
    }

    pub(crate) fn optional<T: FromStr>(
        &self,
        column: &str,
        expected: &str,
    ) -> Result<Option<T>, Error> {
        if self.text(column).is_empty() { Ok(None) } else { self.parse(column, expected).map(Some) }
    }

    pub(crate) fn finite(&self, column: &str) -> Result<f64, Error> {
        let value: f64 = self.parse(column, "a number")?;
        if value.is_finite() { Ok(value) } else { Err(self.error(column, "a finite number")) }
    }

    /// One of `all` by its name.
    pub(crate) fn named<T: Copy>(
        &self,
        column: &str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, Error> {
        let found = all.iter().copied().find(|&one| name(one) == self.text(column));
        found.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
            self.error(column, &format!("one of {}", names.join(", ")))
        })
    }

    pub(crate) fn site(&self) -> Result<Site, Error> {
        Ok(Site {
            layer: self.parse("layer", "a layer number")?,
            component: self.named("component", &Component::ALL, Component::name)?,
            view: self.named("view", &View::ALL, View::name)?,
            head: self.optional("head", "a head number")?,
        })
    }
}
