//! `records.csv`: one number per row.

use std::borrow::Cow;
use std::io::{Read, Write};

use settling_core::{Positions, Signal, Site, Step};

use crate::error::Error;
use crate::tables::table::{TableWriter, number, read_table};
use crate::version::SCHEMA;

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
    /// A number, or the reason why there is none, of what was measured where. Its shape is 0 x 0
    /// and the rest empty until the setters say otherwise.
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

    /// The same number with the shape of what was measured: observations and features, or rows and
    /// columns.
    #[must_use]
    pub fn with_shape(self, n: usize, width: usize) -> Self {
        Self { n, width, ..self }
    }

    /// The same number with the token positions that were the observations; `None` for weights.
    #[must_use]
    pub fn with_positions(self, positions: impl Into<Option<Positions>>) -> Self {
        Self { positions: positions.into(), ..self }
    }

    /// The same number with how it was estimated. Without `:`.
    #[must_use]
    pub fn with_estimator(self, estimator: impl Into<String>) -> Self {
        Self { estimator: estimator.into(), ..self }
    }

    /// The same number with the protocol that fixed every other choice.
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
    let mut writer = TableWriter::new(out, &COLUMNS)?;
    for record in records {
        let Record { model, step, site, signal, metric, value, n, width, positions, .. } = record;
        let value = match value {
            Ok(value) => number(*value, metric)?,
            Err(_) => String::new(),
        };
        writer.row([
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
    writer.finish()
}

/// Reads a `records.csv`, as [`write_records`] wrote it or as pandas, polars or R wrote it anew:
/// with columns in another order, a column of row numbers, `0.0` for 0, or `NaN` for nothing.
///
/// # Errors
///
/// If the columns are not those of this schema, a cell does not hold what its column asks for, or
/// two rows give the same number, be it with the same value; the message names the lines.
pub fn read_records(input: impl Read) -> Result<Vec<Record>, Error> {
    let lines = read_table(input, &COLUMNS, |row| {
        let estimator = row.text("estimator");
        let (estimator, value) = match (row.is_empty("value"), estimator.split_once(':')) {
            (true, Some((estimator, reason))) => (estimator, Err(reason.to_owned())),
            (true, None) => {
                let expected = "a finite number, or nothing with `estimator:reason`";
                return Err(row.error("value", expected));
            }
            (false, _) => (estimator, Ok(row.finite("value")?)),
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
    })?;
    lines.different(Record::key, Record::described)?;
    Ok(lines.into_rows())
}

/// Everything that defines a number, of which a table may have one.
pub(crate) type Key<'a> =
    (&'a str, &'a str, Step, Site, Signal, &'a str, &'a str, Option<Positions>);

impl Record {
    pub(crate) fn key(&self) -> Key<'_> {
        let Self { model, step, site, signal, metric, positions, estimator, protocol, .. } = self;
        (protocol, model, *step, *site, *signal, metric, estimator, *positions)
    }

    /// What it is a number of.
    pub(crate) fn described(&self) -> String {
        let Self { model, step, site, signal, metric, positions, estimator, protocol, .. } = self;
        let positions = positions.map_or_else(String::new, |at| format!(", positions {at}"));
        format!(
            "model `{model}`, step {step}, {site}, {signal} {metric} ({estimator}{positions}) of protocol `{protocol}`"
        )
    }

    /// What the column `estimator` says: of an undefined value, the reason too.
    pub(crate) fn estimator_cell(&self) -> Cow<'_, str> {
        match &self.value {
            Ok(_) => Cow::Borrowed(&self.estimator),
            Err(reason) => Cow::Owned(format!("{}:{reason}", self.estimator)),
        }
    }
}
