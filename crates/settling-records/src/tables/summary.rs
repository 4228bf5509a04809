//! `summary.csv`: averages over the layers of a model, step by step.

use std::io::{Read, Write};

use settling_core::{Component, Signal, Step};

use crate::error::Error;
use crate::tables::table::{TableWriter, number, read_table};
use crate::version::SCHEMA;

/// An average over the layers of one model at one step, a point of a line of a figure: a row of
/// `summary.csv`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryRow {
    /// The model's name.
    pub model: String,
    /// Attention or MLP.
    pub component: Component,
    /// Activation, weight or gradient.
    pub signal: Signal,
    /// What was averaged: `cka` of activations, `per` of the others.
    pub metric: String,
    /// How the averaged values were estimated: `biased`, `debiased`, `floor`; of PERs what they are
    /// over, joined by `+` where layers and heads differ.
    pub estimator: String,
    /// The checkpoint.
    pub step: Step,
    /// The average of the defined values; `None` if there is none.
    pub value: Option<f64>,
    /// How many values are defined.
    pub n: u64,
    /// How many are not, or were not measured at this step and are at another.
    pub undefined: u64,
    /// Which average: `mean` or `median`.
    pub average: String,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl SummaryRow {
    /// A row without a value, of no layers: set what is known.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        component: Component,
        signal: Signal,
        metric: impl Into<String>,
        step: Step,
    ) -> Self {
        Self {
            model: model.into(),
            component,
            signal,
            metric: metric.into(),
            estimator: String::new(),
            step,
            value: None,
            n: 0,
            undefined: 0,
            average: String::new(),
            protocol: String::new(),
        }
    }
}

const COLUMNS: [&str; 12] = [
    "schema",
    "model",
    "component",
    "signal",
    "metric",
    "estimator",
    "step",
    "value",
    "n",
    "undefined",
    "average",
    "protocol",
];

/// Writes `rows` as CSV with a header line.
///
/// # Errors
///
/// If `out` cannot be written, or a number is not finite.
pub fn write_summary<'a>(
    out: impl Write,
    rows: impl IntoIterator<Item = &'a SummaryRow>,
) -> Result<(), Error> {
    let mut writer = TableWriter::new(out, &COLUMNS)?;
    for row in rows {
        let value = row.value.map(|value| number(value, &row.metric)).transpose()?;
        writer.row([
            SCHEMA,
            &row.model,
            row.component.name(),
            row.signal.name(),
            &row.metric,
            &row.estimator,
            &row.step.to_string(),
            &value.unwrap_or_default(),
            &row.n.to_string(),
            &row.undefined.to_string(),
            &row.average,
            &row.protocol,
        ])?;
    }
    writer.finish()
}

/// Reads a `summary.csv`.
///
/// # Errors
///
/// If the columns are not those of this schema, or a cell does not hold what its column asks for;
/// the message names the line. Two rows of the same are an error too.
pub fn read_summary(input: impl Read) -> Result<Vec<SummaryRow>, Error> {
    let lines = read_table(input, &COLUMNS, |row| {
        let value = match row.is_empty("value") {
            true => None,
            false => Some(row.finite("value")?),
        };
        Ok(SummaryRow {
            model: row.text("model").to_owned(),
            component: row.named("component", &Component::ALL, Component::name)?,
            signal: row.named("signal", &Signal::ALL, Signal::name)?,
            metric: row.text("metric").to_owned(),
            estimator: row.text("estimator").to_owned(),
            step: row.parse("step", "a step")?,
            value,
            n: row.parse("n", "a count")?,
            undefined: row.parse("undefined", "a count")?,
            average: row.text("average").to_owned(),
            protocol: row.text("protocol").to_owned(),
        })
    })?;
    lines.different(
        |row| {
            let SummaryRow { protocol, model, component, signal, metric, estimator, step, .. } =
                row;
            (protocol, model, component, signal, metric, estimator, step, &row.average)
        },
        |row| {
            let SummaryRow { model, component, signal, metric, estimator, step, .. } = row;
            format!("model `{model}`, step {step}, {component}, {signal} {metric} ({estimator})")
        },
    )?;
    Ok(lines.into_rows())
}
