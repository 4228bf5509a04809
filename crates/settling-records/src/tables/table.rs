//! What all tables share: a header, cells, and errors that name the line.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
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

/// Checks the header and turns every line into a row by `parse`; with the lines.
///
/// Tables that went through pandas, polars or R are read: columns in any order, an unnamed column
/// of row numbers, a mark of the byte order, `0.0` for 0, `NaN` or `NA` where there is nothing.
pub(crate) fn read_table<T>(
    input: impl Read,
    columns: &[&str],
    parse: impl Fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Lines<T>, Error> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers().map_err(of_csv)?;
    let places = places(header, columns)?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for cells in reader.records() {
        let cells = cells.map_err(of_csv)?;
        let row = Row { columns, places: &places, cells: &cells };
        if row.parse("schema", "a version").ok() != SCHEMA.parse::<u64>().ok() {
            let message = format!(
                "line {}: schema version `{}`: this version reads `{SCHEMA}`",
                row.line(),
                row.text("schema")
            );
            return Err(Error::new(ErrorKind::Schema, message));
        }
        rows.push(parse(&row)?);
        lines.push(row.line());
    }
    Ok(Lines { rows, lines })
}

/// Where each of `columns` is.
fn places(header: &csv::StringRecord, columns: &[&str]) -> Result<Vec<usize>, Error> {
    let found = || header.iter().collect::<Vec<_>>().join(",");
    let refused = |problem: String| {
        let message =
            format!("expected the columns `{}`, found `{}`: {problem}", columns.join(","), found());
        Error::new(ErrorKind::Schema, message)
    };
    if let [one] = header.iter().collect::<Vec<_>>()[..]
        && let Some(separator) = [";", "\t", "|"].iter().find(|&&other| one.contains(other))
    {
        let problem = format!("they are separated by {separator:?}; write the table with commas");
        return Err(refused(problem));
    }
    // Row numbers, as pandas and R write them unless told otherwise.
    let unnamed = |name: &str| name.is_empty() || name.starts_with("Unnamed: ");
    if let Some(other) = header.iter().find(|name| !unnamed(name) && !columns.contains(name)) {
        return Err(refused(format!("`{other}` is no column of it; leave it out")));
    }
    let place = |column: &&str| {
        let mut places = (0..header.len()).filter(|&place| &header[place] == *column);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => Err(refused(format!("`{column}` is missing"))),
            (Some(_), Some(_)) => Err(refused(format!("`{column}` is there twice"))),
        }
    };
    columns.iter().map(place).collect()
}

/// Rows of a table, and the lines of the file on which they are.
pub(crate) struct Lines<T> {
    rows: Vec<T>,
    lines: Vec<u64>,
}

impl<T> Lines<T> {
    /// The rows, if no two of them say the same thing: if `key`, which is everything that defines a
    /// number, tells all of them apart. `what` names what such a row gives.
    pub(crate) fn different<'a, K: Eq + Hash, W: Display>(
        &'a self,
        key: impl Fn(&'a T) -> K,
        what: impl Fn(&T) -> W,
    ) -> Result<(), Error>
    where
        T: PartialEq,
    {
        let Some([first, second]) = first_twice(&self.rows, key) else { return Ok(()) };
        let [row, again] = [first, second].map(|index| &self.rows[index]);
        let [first, second] = [first, second].map(|index| self.lines[index]);
        let message = format!("lines {first} and {second} {}", twice(row, again, what(row)));
        Err(Error::new(ErrorKind::Twice, message))
    }

    pub(crate) fn into_rows(self) -> Vec<T> {
        self.rows
    }
}

/// The places of the first two of `rows` with the same key.
pub(crate) fn first_twice<'a, T, K: Eq + Hash>(
    rows: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Option<[usize; 2]> {
    let mut seen = HashMap::with_capacity(rows.len());
    let mut rows = rows.iter().enumerate();
    rows.find_map(|(index, row)| Some([seen.insert(key(row), index)?, index]))
}

/// What two rows with the same key do.
pub(crate) fn twice<T: PartialEq>(row: &T, again: &T, what: impl Display) -> String {
    let how = if row == again { "twice, and alike" } else { "twice, and differ" };
    format!("give {what} {how}: keep the one that counts")
}

/// What stands for a cell without content: pandas, polars and R are told to write one of these.
const NOTHING: [&str; 8] = ["", "NaN", "nan", "NA", "<NA>", "N/A", "null", "None"];

/// One line of a table, read by column name.
pub(crate) struct Row<'a> {
    columns: &'a [&'a str],
    /// Where each of `columns` is in the file.
    places: &'a [usize],
    cells: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// The text of a column; the reader has made sure that each line has as many cells as the
    /// header.
    pub(crate) fn text(&self, column: &str) -> &'a str {
        let index = self.columns.iter().position(|&name| name == column);
        index.and_then(|index| self.cells.get(self.places[index])).unwrap_or_default()
    }

    /// Whether a column that is no text has no content.
    pub(crate) fn is_empty(&self, column: &str) -> bool {
        NOTHING.contains(&self.text(column).trim())
    }

    fn line(&self) -> u64 {
        self.cells.position().map_or(0, csv::Position::line)
    }

    pub(crate) fn error(&self, column: &str, expected: &str) -> Error {
        let message = format!(
            "line {}, column `{column}`: expected {expected}, found `{}`",
            self.line(),
            self.text(column)
        );
        Error::new(ErrorKind::Cell, message)
    }

    pub(crate) fn parse<T: FromStr>(&self, column: &str, expected: &str) -> Result<T, Error> {
        let text = self.text(column).trim();
        // A whole number may have gone through a column of floats: `0.0`, `1e+05`.
        let read = text.parse().ok().or_else(|| whole(text)?.to_string().parse().ok());
        read.ok_or_else(|| self.error(column, expected))
    }

    pub(crate) fn optional<T: FromStr>(
        &self,
        column: &str,
        expected: &str,
    ) -> Result<Option<T>, Error> {
        if self.is_empty(column) { Ok(None) } else { self.parse(column, expected).map(Some) }
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
        let text = self.text(column).trim();
        let found = all.iter().copied().find(|&one| name(one) == text);
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

/// The whole number that `text` gives as a decimal, if every whole number up to it has one of its
/// own.
fn whole(text: &str) -> Option<u64> {
    const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    let number: f64 = text.parse().ok()?;
    ((0.0..EXACT).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}
