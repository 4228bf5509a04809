//! `settling.csv`: the step from which on each layer stays similar to its end.

use std::io::{Read, Write};

use settling_core::{Component, Step, View};

use crate::error::Error;
use crate::tables::table::{TableWriter, number, read_table};
use crate::version::SCHEMA;

/// The step from which on a layer stays similar to its end: a row of `settling.csv`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SettlingRow {
    /// The model's name.
    pub model: String,
    /// The layer, from 0.
    pub layer: usize,
    /// Attention or MLP.
    pub component: Component,
    /// The view whose similarity to the last checkpoint was looked at.
    pub view: View,
    /// The similarity that counts as settled; whether it must be reached or exceeded, the protocol
    /// says.
    pub threshold: f64,
    /// The first step from which on every value reaches the threshold, and its fraction of training
    /// (this step / the last step); or the reason why there is none.
    pub settled: Result<(Step, f64), String>,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl SettlingRow {
    /// The settling step of a layer at a threshold and its fraction of training, or the reason why
    /// there is none.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        layer: usize,
        component: Component,
        view: View,
        threshold: f64,
        settled: Result<(Step, f64), String>,
    ) -> Self {
        let (model, protocol) = (model.into(), String::new());
        Self { model, layer, component, view, threshold, settled, protocol }
    }

    /// The same row with the protocol that fixed every other choice.
    #[must_use]
    pub fn with_protocol(self, protocol: impl Into<String>) -> Self {
        Self { protocol: protocol.into(), ..self }
    }
}

const COLUMNS: [&str; 10] = [
    "schema",
    "model",
    "layer",
    "component",
    "view",
    "threshold",
    "settling_step",
    "fraction_of_training",
    "protocol",
    "status",
];

const OK: &str = "ok";

/// Writes `rows` as CSV with a header line.
///
/// # Errors
///
/// If `out` cannot be written, or a number is not finite.
pub fn write_settling<'a>(
    out: impl Write,
    rows: impl IntoIterator<Item = &'a SettlingRow>,
) -> Result<(), Error> {
    let mut writer = TableWriter::new(out, &COLUMNS)?;
    for row in rows {
        let (step, fraction, status) = match &row.settled {
            Ok((step, fraction)) => {
                (step.to_string(), number(*fraction, "fraction_of_training")?, OK)
            }
            Err(reason) => (String::new(), String::new(), reason.as_str()),
        };
        writer.row([
            SCHEMA,
            &row.model,
            &row.layer.to_string(),
            row.component.name(),
            row.view.name(),
            &number(row.threshold, "threshold")?,
            &step,
            &fraction,
            &row.protocol,
            status,
        ])?;
    }
    writer.finish()
}

/// Reads a `settling.csv`.
///
/// # Errors
///
/// If the columns are not those of this schema, or a cell does not hold what its column asks for;
/// the message names the line. Two rows of the same are an error too.
pub fn read_settling(input: impl Read) -> Result<Vec<SettlingRow>, Error> {
    let lines = read_table(input, &COLUMNS, |row| {
        let settled = match (row.is_empty("settling_step"), row.text("status")) {
            (_, OK) => {
                Ok((row.parse("settling_step", "a step")?, row.finite("fraction_of_training")?))
            }
            (true, reason) if !reason.is_empty() => Err(reason.to_owned()),
            _ => return Err(row.error("status", "`ok`, or a reason and no settling step")),
        };
        Ok(SettlingRow {
            model: row.text("model").to_owned(),
            layer: row.parse("layer", "a layer number")?,
            component: row.named("component", &Component::ALL, Component::name)?,
            view: row.named("view", &View::ALL, View::name)?,
            threshold: row.finite("threshold")?,
            settled,
            protocol: row.text("protocol").to_owned(),
        })
    })?;
    lines.different(
        |row| {
            let SettlingRow { protocol, model, layer, component, view, threshold, .. } = row;
            (protocol, model, layer, component, view, threshold.to_bits())
        },
        |row| {
            let SettlingRow { model, layer, component, threshold, .. } = row;
            format!("model `{model}`, layer {layer}, {component}, threshold {threshold}")
        },
    )?;
    Ok(lines.into_rows())
}
