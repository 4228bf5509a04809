//! `mcc.csv`: one 2x2 table per row.

use std::io::{Read, Write};

use settling_core::{Component, View};

use crate::error::Error;
use crate::tables::table::{TableWriter, number, read_table};
use crate::version::SCHEMA;

/// The association of two binary variables over the layers of one model: a row of `mcc.csv`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MccRow {
    /// The model's name.
    pub model: String,
    /// Attention or MLP.
    pub component: Component,
    /// The view whose numbers were made binary.
    pub view: View,
    /// The variable that is related to early convergence: `weight_per`, `gradient_per`.
    pub predictor: String,
    /// Layers with the predictor large and early convergence.
    pub true_positives: u64,
    /// Layers with the predictor large and no early convergence.
    pub false_positives: u64,
    /// Layers with the predictor small and early convergence.
    pub false_negatives: u64,
    /// Layers with the predictor small and no early convergence.
    pub true_negatives: u64,
    /// The Matthews correlation, or the reason why it is undefined.
    pub mcc: Result<f64, String>,
    /// A confidence interval of it, if one was computed.
    pub interval: Option<(f64, f64)>,
    /// Fisher's exact two-sided p-value.
    pub p_exact: f64,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl MccRow {
    /// The table of four counts (true positives, false positives, false negatives, true negatives)
    /// of a model's component. The correlation is undefined and p is 1 until they are set.
    #[must_use]
    pub fn new(
        model: impl Into<String>,
        component: Component,
        view: View,
        predictor: impl Into<String>,
        counts: [u64; 4],
    ) -> Self {
        let [true_positives, false_positives, false_negatives, true_negatives] = counts;
        Self {
            model: model.into(),
            component,
            view,
            predictor: predictor.into(),
            true_positives,
            false_positives,
            false_negatives,
            true_negatives,
            mcc: Err("not computed".to_owned()),
            interval: None,
            p_exact: 1.0,
            protocol: String::new(),
        }
    }
}

const COLUMNS: [&str; 16] = [
    "schema",
    "model",
    "component",
    "view",
    "predictor",
    "n",
    "tp",
    "fp",
    "fn",
    "tn",
    "mcc",
    "ci_low",
    "ci_high",
    "p_exact",
    "status",
    "protocol",
];

const OK: &str = "ok";

/// Writes `rows` as CSV with a header line.
///
/// # Errors
///
/// If `out` cannot be written, or a number is not finite.
pub fn write_mcc<'a>(
    out: impl Write,
    rows: impl IntoIterator<Item = &'a MccRow>,
) -> Result<(), Error> {
    let mut writer = TableWriter::new(out, &COLUMNS)?;
    for row in rows {
        let counts =
            [row.true_positives, row.false_positives, row.false_negatives, row.true_negatives];
        let [tp, fp, missed, tn] = counts.map(|count| count.to_string());
        let (mcc, status) = match &row.mcc {
            Ok(value) => (number(*value, "mcc")?, OK),
            Err(reason) => (String::new(), reason.as_str()),
        };
        let (low, high) = match row.interval {
            Some((low, high)) => (number(low, "ci_low")?, number(high, "ci_high")?),
            None => (String::new(), String::new()),
        };
        writer.row([
            SCHEMA,
            &row.model,
            row.component.name(),
            row.view.name(),
            &row.predictor,
            &counts.iter().sum::<u64>().to_string(),
            &tp,
            &fp,
            &missed,
            &tn,
            &mcc,
            &low,
            &high,
            &number(row.p_exact, "p_exact")?,
            status,
            &row.protocol,
        ])?;
    }
    writer.finish()
}

/// Reads an `mcc.csv`.
///
/// # Errors
///
/// If the columns are not those of this schema, or a cell does not hold what its column asks for;
/// the message names the line. Two rows of the same are an error too.
pub fn read_mcc(input: impl Read) -> Result<Vec<MccRow>, Error> {
    let lines = read_table(input, &COLUMNS, |row| {
        let counts = ["tp", "fp", "fn", "tn"].map(|column| row.parse::<u64>(column, "a count"));
        let [true_positives, false_positives, false_negatives, true_negatives] = counts;
        let interval = match row.is_empty("ci_low") && row.is_empty("ci_high") {
            true => None,
            false => Some((row.finite("ci_low")?, row.finite("ci_high")?)),
        };
        let mcc = match row.text("status") {
            OK => Ok(row.finite("mcc")?),
            reason => Err(reason.to_owned()),
        };
        Ok(MccRow {
            model: row.text("model").to_owned(),
            component: row.named("component", &Component::ALL, Component::name)?,
            view: row.named("view", &View::ALL, View::name)?,
            predictor: row.text("predictor").to_owned(),
            true_positives: true_positives?,
            false_positives: false_positives?,
            false_negatives: false_negatives?,
            true_negatives: true_negatives?,
            mcc,
            interval,
            p_exact: row.finite("p_exact")?,
            protocol: row.text("protocol").to_owned(),
        })
    })?;
    lines.different(
        |row| (&row.protocol, &row.model, row.component, row.view, &row.predictor),
        |row| format!("model `{}`, {}, {}", row.model, row.component, row.predictor),
    )?;
    Ok(lines.into_rows())
}
