use std::borrow::Cow;
use std::io::{Read, Write};
use std::str::FromStr;

use settling_core::{Component, Positions, Signal, Site, Step, View};

use crate::SCHEMA;
use crate::error::{Error, ErrorKind};

/// One number with its definition: a row of `records.csv`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The model's name.
    pub model: String,
    /// The checkpoint.
    pub step: Step,
    /// Where in the model.
    pub site: Site,
    /// Activation, weight or gradient.
    pub signal: Signal,
    /// What was measured: `cka`, `effective_rank`, `per`, ...
    pub metric: String,
    /// The number, or the reason why there is none (without line breaks). Finite.
    pub value: Result<f64, String>,
    /// Observations, or rows of the matrix.
    pub n: usize,
    /// Features, or columns of the matrix.
    pub width: usize,
    /// The token positions that were the observations; `None` for weights.
    pub positions: Option<Positions>,
    /// How it was estimated: `biased`, `debiased`, `svd`, ... Without `:`.
    pub estimator: String,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl Record {
    /// A number, or the reason why there is none, of what was measured where. Its shape is 0 x 0 and
    /// the rest empty until the setters say otherwise.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        step: Step,
        site: Site,
        signal: Signal,
        metric: impl Into<String>,
        value: Result<f64, String>,
    ) -> Self {
        Self {
            model: model.into(),
            step,
            site,
            signal,
            metric: metric.into(),
            value,
            n: 0,
            width: 0,
            positions: None,
            estimator: String::new(),
            protocol: String::new(),
        }
    }

    /// With the shape of what was measured: observations and features, or rows and columns.
    #[must_use]
    pub fn with_shape(self, n: usize, width: usize) -> Self {
        Self { n, width, ..self }
    }

    /// With the token positions that were the observations; `None` for weights.
    #[must_use]
    pub fn with_positions(self, positions: impl Into<Option<Positions>>) -> Self {
        Self { positions: positions.into(), ..self }
    }

    /// With how the number was estimated. Without `:`.
    #[must_use]
    pub fn with_estimator(self, estimator: impl Into<String>) -> Self {
        Self { estimator: estimator.into(), ..self }
    }

    /// With the protocol that fixed every other choice.
    #[must_use]
    pub fn with_protocol(self, protocol: impl Into<String>) -> Self {
        Self { protocol: protocol.into(), ..self }
    }
}

pub(crate) const COLUMNS: [&str; 15] = [
    "schema",
    "model",
    "step",
    "layer",
    "component",
    "view",
    "head",
    "signal",
    "metric",
    "value",
    "n",
    "width",
    "positions",
    "estimator",
    "protocol",
];

/// Writes `records` as CSV with a header line.
///
/// # Errors
///
/// If `out` cannot be written, or a value is not finite (an undefined value has a reason instead).
pub fn write_records<'a>(
    out: impl Write,
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<(), Error> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for record in records {
        let Record { model, step, site, signal, metric, value, n, width, positions, .. } = record;
        let value = match value {
            Ok(value) => number(*value, metric)?,
            Err(_) => String::new(),
        };
        writer.write_record([
            SCHEMA,
            model,
            &step.to_string(),
            &site.layer.to_string(),
            site.component.name(),
            site.view.name(),
            &site.head.map_or_else(String::new, |head| head.to_string()),
            signal.name(),
            metric,
            &value,
            &n.to_string(),
            &width.to_string(),
            &positions.map_or_else(String::new, |positions| positions.to_string()),
            &record.estimator_cell(),
            &record.protocol,
        ])?;
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// Reads a `records.csv`.
///
/// # Errors
///
/// If the columns are not those of this schema, or a cell does not hold what its column asks for;
/// the message names the line.
pub fn read_records(input: impl Read) -> Result<Vec<Record>, Error> {
    read_table(input, &COLUMNS, |row| {
        let estimator = row.text("estimator");
        let (estimator, value) = match row.text("value") {
            "" => {
                let (estimator, reason) = estimator.split_once(':').ok_or_else(|| {
                    row.error("value", "a number, or empty with `estimator:reason`")
                })?;
                (estimator, Err(reason.to_owned()))
            }
            _ => (estimator, Ok(row.finite("value")?)),
        };
        Ok(Record {
            model: row.text("model").to_owned(),
            step: row.parse("step", "a step")?,
            site: row.site()?,
            signal: row.named("signal", &Signal::ALL, Signal::name)?,
            metric: row.text("metric").to_owned(),
            value,
            n: row.parse("n", "a count")?,
            width: row.parse("width", "a count")?,
            positions: row.optional("positions", "positions")?,
            estimator: estimator.to_owned(),
            protocol: row.text("protocol").to_owned(),
        })
    })
}

impl Record {
    /// What the column `estimator` says: of an undefined value, the reason too.
    pub(crate) fn estimator_cell(&self) -> Cow<'_, str> {
        match &self.value {
            Ok(_) => Cow::Borrowed(&self.estimator),
            Err(reason) => Cow::Owned(format!("{}:{reason}", self.estimator)),
        }
    }
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
    let header = reader.headers()?.clone();
    if header != *columns {
        let found = header.iter().collect::<Vec<_>>().join(",");
        let message = format!("expected the columns `{}`, found `{found}`", columns.join(","));
        return Err(Error::new(ErrorKind::Schema, message));
    }
    let mut rows = Vec::new();
    for cells in reader.records() {
        let cells = cells?;
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

    fn site(&self) -> Result<Site, Error> {
        Ok(Site {
            layer: self.parse("layer", "a layer number")?,
            component: self.named("component", &Component::ALL, Component::name)?,
            view: self.named("view", &View::ALL, View::name)?,
            head: self.optional("head", "a head number")?,
        })
    }
}
