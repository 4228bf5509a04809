//! What is said below figures: where numbers come from, and by which rules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use settling_analysis::{
    Average, LayerRow, PerSites, Quantity, Rules, SummarySteps, Tables, Threshold,
};
use settling_core::{Signal, View};
use settling_records::SummaryRow;

use super::title;
use crate::error::{Error, ErrorKind};
use crate::plot::text::{counted, short_name};

/// How many numbers the rows of a figure stand for, and how many of these are undefined.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) all: u64,
    pub(crate) undefined: u64,
}

impl Count {
    /// That of averages: the values that they are over.
    pub(crate) fn from_averages<'a>(rows: impl IntoIterator<Item = &'a SummaryRow>) -> Self {
        rows.into_iter().fold(Self::default(), |count, row| Self {
            all: count.all + row.n + row.undefined,
            undefined: count.undefined + row.undefined,
        })
    }

    /// That of layers.
    pub(crate) fn from_layers<'a>(rows: impl IntoIterator<Item = &'a LayerRow>) -> Self {
        rows.into_iter().fold(Self::default(), |count, row| Self {
            all: count.all + 1,
            undefined: count.undefined + u64::from(row.value.is_err()),
        })
    }

    /// # Errors
    ///
    /// [`ErrorKind::NoData`] if none of the numbers is defined; the message names the figure and
    /// what it shows, how many `records` there were, and why the numbers of `layers` are undefined.
    pub(crate) fn check<'a>(
        self,
        figure: &str,
        quantities: &[Quantity],
        records: usize,
        rules: &Rules,
        layers: impl IntoIterator<Item = &'a LayerRow>,
    ) -> Result<(), Error> {
        if self.undefined < self.all {
            return Ok(());
        }
        let records = counted(records as u64, "record");
        let records = format!("{records} of protocol `{}`", rules.protocol);
        let found = match self.all {
            0 => format!("none of the {records} is one of these"),
            undefined => {
                let quantities = |row: &&LayerRow| quantities.contains(&row.quantity);
                let why = reasons(layers.into_iter().filter(quantities));
                let why: Vec<String> = why.into_iter().map(|(reason, _)| reason).collect();
                let why = because(&why);
                let why = why.trim_end_matches('.');
                format!("all {undefined} of these among the {records} are undefined.{why}")
            }
        };
        let names: Vec<&str> = quantities.iter().map(|&quantity| title(quantity)).collect();
        let message = format!(
            "no number to draw: {figure} shows {} through the view of the protocol; {found}",
            names.join(", ")
        );
        Err(Error::new(ErrorKind::NoData, message))
    }
}

/// The records of all models of `tables`.
pub(crate) fn records(tables: &Tables) -> usize {
    tables.models.iter().map(|model| model.records).sum()
}

/// The origin of the numbers of a figure: their protocol, what of Attention is looked at, the
/// observations of the `layers` that are shown or averaged, and how many numbers are undefined.
pub(crate) fn source<'a>(
    tables: &Tables,
    layers: impl IntoIterator<Item = &'a LayerRow>,
    count: Count,
) -> String {
    let layers: Vec<&LayerRow> = layers.into_iter().collect();
    let activations = || layers.iter().filter(|row| row.quantity.signal() == Signal::Activation);
    let sizes: BTreeSet<usize> = activations().map(|row| row.n).collect();
    let positions = activations().filter_map(|row| row.positions);
    let positions: BTreeSet<String> = positions.map(|positions| positions.to_string()).collect();

    let mut source = format!("Protocol: {}.", tables.rules.protocol);
    let circuits = layers.iter().filter(|row| row.view != View::Write);
    let circuits: BTreeSet<&str> =
        circuits.map(|row| circuit(row.view, row.quantity.signal())).collect();
    if !circuits.is_empty() {
        source += &format!(" Attention: {}.", listed(circuits));
    }
    if !sizes.is_empty() {
        source += &format!(" Observations for CKA: {}", listed(sizes));
        if !positions.is_empty() {
            source += &format!(" (positions: {})", listed(positions));
        }
        source += ".";
    }
    if count.undefined > 0 {
        source += &format!(" Undefined and left out: {} of {} values.", count.undefined, count.all);
        let known = reasons(layers.iter().copied());
        let told: u64 = known.iter().map(|(_, values)| values).sum();
        let mut known: Vec<String> = known.into_iter().map(|(reason, _)| reason).collect();
        if told < count.undefined && tables.rules.summary.per_sites == PerSites::Layers {
            known.push("not measured".to_owned());
        }
        source += &because(&known);
    }
    source
}

/// The [source] of averages of `quantities`, with the models that have none.
pub(crate) fn source_of_averages(
    tables: &Tables,
    quantities: &[Quantity],
    count: Count,
    models: &[&str],
) -> String {
    let steps = &tables.rules.summary.steps;
    let shown = |row: &&LayerRow| quantities.contains(&row.quantity) && steps.contains(row.step);
    source(tables, tables.layers.iter().filter(shown), count) + &without(tables, models)
}

/// The models that are not among those that are drawn.
pub(crate) fn without(tables: &Tables, models: &[&str]) -> String {
    let all = tables.models.iter().map(|row| row.model.as_str());
    let others: Vec<&str> = all.filter(|model| !models.contains(model)).collect();
    match others.is_empty() {
        true => String::new(),
        false => {
            let others = others.into_iter().map(short_name);
            format!(" Not drawn, as there is no number: {}.", listed(others))
        }
    }
}

/// The different reasons why numbers of layers are undefined, the commonest first, with how many
/// have it.
pub(crate) fn reasons<'a>(layers: impl IntoIterator<Item = &'a LayerRow>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for reason in layers.into_iter().filter_map(|row| row.value.as_ref().err()) {
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts: Vec<(String, u64)> =
        counts.into_iter().map(|(reason, values)| (reason.to_owned(), values)).collect();
    counts.sort_by_key(|&(_, values)| Reverse(values));
    counts
}

/// The reasons as a sentence: the first three, and how many more there are.
pub(crate) fn because(reasons: &[String]) -> String {
    const MOST: usize = 3;
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = format!(" Because: {}", reasons[..reasons.len().min(MOST)].join("; "));
    if let Some(more @ 1..) = reasons.len().checked_sub(MOST) {
        text += &format!("; and {more} more");
    }
    text + "."
}

/// What is looked at in the place of what Attention writes.
fn circuit(view: View, signal: Signal) -> &'static str {
    match (view, signal) {
        (View::OvFlat, Signal::Activation) => "activations of the OV circuit (ov_flat)",
        (View::OvFlat, _) => "weights of the OV circuit (ov_flat)",
        (_, Signal::Activation) => "activations of the OV circuit",
        _ => "weights of the OV circuit",
    }
}

pub(crate) fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// `Mean` or `Median`.
pub(crate) fn average_title(rules: &Rules) -> &'static str {
    match rules.summary.average {
        Average::Mean => "Mean",
        Average::Median => "Median",
        other => other.name(),
    }
}

/// What averages are over, and which of them are shown: `Means over layers.`
pub(crate) fn averages(rules: &Rules) -> String {
    let summary = &rules.summary;
    let mut text = format!("{}s over layers", average_title(rules));
    text += match summary.per_sites {
        PerSites::MeanOverHeads => {
            "; of PERs, over the means of each layer's heads, where it has any"
        }
        PerSites::LayersAndHeads => "; of PERs, over layers and heads alike",
        _ => "",
    };
    text += ".";
    if let SummarySteps::Some { these, from } = &summary.steps {
        text += &format!(" Shown at steps {} and from {from} on.", listed(these));
    }
    text
}

/// Which averages of gradients' PERs are left out, if any are.
pub(crate) fn left_out(rules: &Rules) -> String {
    match rules.summary.least_gradient_per {
        least if least > 0.0 => {
            let average = rules.summary.average.name();
            format!(
                " Left out: {average}s of gradients' PERs that are not above {}.",
                number(least)
            )
        }
        _ => String::new(),
    }
}

/// What outlined markers mean, if there are any.
pub(crate) fn outlined(any: bool) -> &'static str {
    match any {
        true => " Outlined: some layers have no value there, and only the others count.",
        false => "",
    }
}

/// What PERs are, with what they are over: the estimators of weights and of gradients.
pub(crate) fn per<'a>(estimators: impl IntoIterator<Item = (Quantity, &'a str)>) -> String {
    let (mut weights, mut gradients) = (BTreeSet::new(), BTreeSet::new());
    for (quantity, names) in estimators {
        match quantity {
            Quantity::WeightPer => weights.insert(names),
            Quantity::GradientPer => gradients.insert(names),
            _ => false,
        };
    }
    let over = match (weights.is_empty(), gradients.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" over {}", divisors(weights)),
        (true, false) => format!(" over {}", divisors(gradients)),
        _ if weights == gradients => format!(" over {}", divisors(weights)),
        _ => format!(
            " of weights over {}; of gradients over {}",
            divisors(weights),
            divisors(gradients)
        ),
    };
    format!("PER: proportional effective rank{over}.")
}

/// What effective ranks are divided by, from the estimators of PERs, joined by `+` where a row has
/// several.
pub(crate) fn divisors<'a>(estimators: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> =
        estimators.into_iter().flat_map(|estimators| estimators.split('+')).collect();
    let names: BTreeSet<String> = names.into_iter().map(divisor).collect();
    names.into_iter().collect::<Vec<_>>().join(" or ")
}

/// What an effective rank is divided by, from the estimator of a PER.
fn divisor(estimator: &str) -> String {
    match estimator {
        "attainable" => "the largest attainable rank".to_owned(),
        "columns" => "the number of columns".to_owned(),
        "head_dim" => "the head dimension".to_owned(),
        "top_head_dim" => "the head dimension, of as many largest singular values".to_owned(),
        other => format!("`{other}`"),
    }
}

/// A number of a protocol, without the last digits of a sum.
pub(crate) fn number(number: f64) -> String {
    let written = Threshold::AtLeast(number).to_string();
    written.trim_start_matches(">= ").to_owned()
}

/// `at least` or `above`.
pub(crate) fn compared(threshold: Threshold) -> &'static str {
    match threshold {
        Threshold::AtLeast(_) => "at least",
        Threshold::Above(_) => "above",
    }
}

/// `≥ 0.45` or `> 0.45`.
pub(crate) fn reached(threshold: Threshold) -> String {
    threshold.to_string().replace(">=", "\u{2265}")
}
