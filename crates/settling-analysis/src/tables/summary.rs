//! Records -> `summary.csv`: the lines of a figure.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Component, Signal, Step};
use settling_records::{Record, SummaryRow};

use crate::layers::models;
use crate::{Average, PerSites, Quantity, Rules};

/// The averages over layers of CKA, PER of weights and PER of gradients: what the lines of a figure
/// are made of, by [`Summary`](crate::Summary) of the rules.
///
/// For every model (in order of appearance), component and step there is a row for the estimator of
/// CKA that [decides](Rules::cka), then one for each other that was recorded (`biased`, `debiased`,
/// `floor`), one for the PER of the weights and one for that of the gradients. The records of other
/// protocols are ignored.
///
/// An undefined value is counted and not averaged; and so is that of a site which was measured at
/// another step and not at this one, so that the count says where an average is over fewer. Steps
/// that the protocol does not show are left out, and averages of gradients' PERs that are not above
/// its least.
///
/// ```
/// use settling_analysis::{Average, Rules, summary_table};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let site = |layer| Site::write(layer, Component::Mlp);
/// let per = |layer, value| {
///     Record::new("m", Step(8), site(layer), Signal::Weight, "per", value)
///         .with_estimator("attainable")
///         .with_protocol("corrected")
/// };
/// let zero = Err("zero".to_owned());
/// let records = [per(0, Ok(0.25)), per(1, Ok(0.5)), per(2, Ok(1.0)), per(3, zero)];
/// let mut rules = Rules::corrected();
/// rules.summary.average = Average::Median;
/// let [row] = &summary_table(&records, &rules)[..] else { panic!() };
/// assert_eq!((row.value, row.n, row.undefined), (Some(0.5), 3, 1));
/// ```
#[must_use]
pub fn summary_table(records: &[Record], rules: &Rules) -> Vec<SummaryRow> {
    let models = models(records, rules);
    let mut points: BTreeMap<Key, Point<'_>> = BTreeMap::new();
    let mut sites: BTreeMap<Line, Sites> = BTreeMap::new();
    for record in records.iter().filter(|record| record.protocol == rules.protocol) {
        let Record { site, signal, step, .. } = record;
        let Some(line) = line(record, rules) else { continue };
        let shown = rules.summary.steps.contains(*step);
        if !shown || site.view != rules.views.of(site.component, *signal) {
            continue;
        }
        let model = models.iter().position(|&model| model == record.model);
        let line = (model, site.component, *signal, line);
        let point = points.entry((line, *step)).or_default();
        point.estimators.insert(&record.estimator);
        let value = record.value.as_ref().ok().copied();
        // Neither of two is taken: a sum of both would count the site twice.
        let values = &mut point.values;
        values.entry((site.layer, site.head)).and_modify(|value| *value = None).or_insert(value);
        sites.entry(line).or_default().entry(site.layer).or_default().insert(site.head);
    }
    let row = |((line, step), point): (Key, Point<'_>)| {
        let (model, component, signal, _) = line;
        let layer = |(&layer, heads): (&usize, &BTreeSet<Option<usize>>)| {
            let value =
                |&head: &Option<usize>| (head, point.values.get(&(layer, head)).copied().flatten());
            of_layer(heads.iter().map(value).collect(), rules.summary.per_sites)
        };
        let values: Vec<Option<f64>> = sites[&line].iter().flat_map(layer).collect();
        let defined: Vec<f64> = values.iter().copied().flatten().collect();
        let (n, undefined) = (defined.len(), values.len() - defined.len());
        let value = average(defined, rules.summary.average);
        let least = rules.summary.least_gradient_per;
        if signal == Signal::Gradient && value.is_some_and(|value| value <= least) {
            return None;
        }
        let metric = if signal == Signal::Activation { "cka" } else { "per" };
        let estimators: Vec<&str> = point.estimators.iter().copied().collect();
        let mut row = SummaryRow::new(models[model?], component, signal, metric, step);
        row.estimator = estimators.join("+");
        (row.value, row.n, row.undefined) = (value, n as u64, undefined as u64);
        row.average = rules.summary.average.name().to_owned();
        row.protocol.clone_from(&rules.protocol);
        Some(row)
    };
    points.into_iter().filter_map(row).collect()
}

/// Model by its place, component, signal, line of the figure.
type Line = (Option<usize>, Component, Signal, usize);

/// A line and a step: in the order of the rows.
type Key = (Line, Step);

/// The layers of a line, and the heads of each; `None` is the layer itself.
type Sites = BTreeMap<usize, BTreeSet<Option<usize>>>;

/// What is averaged into one row.
#[derive(Default)]
struct Point<'a> {
    /// By layer and head.
    values: BTreeMap<(usize, Option<usize>), Option<f64>>,
    /// How they were estimated; for PERs what they are over, which may differ between layers and
    /// heads.
    estimators: BTreeSet<&'a str>,
}

/// Which line of its panel a record belongs to, if to any: the CKA that decides is the first.
fn line(record: &Record, rules: &Rules) -> Option<usize> {
    let quantity = Quantity::from_record(record)?;
    if quantity.metric() == "per" {
        return Some(0);
    }
    if record.site.head.is_some() {
        return None;
    }
    let others = [Quantity::BiasedCka, Quantity::DebiasedCka, Quantity::CkaFloor];
    let place = others.iter().position(|&other| other == quantity)?;
    Some(if quantity == Quantity::deciding(rules) { 0 } else { 1 + place })
}

/// What a layer contributes.
fn of_layer(values: Vec<(Option<usize>, Option<f64>)>, sites: PerSites) -> Vec<Option<f64>> {
    let of = |heads: bool| {
        let values = values.iter().filter(|(head, _)| head.is_some() == heads);
        values.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    match (sites, of(true)) {
        (PerSites::LayersAndHeads, heads) => [of(false), heads].concat(),
        (PerSites::MeanOverHeads, heads) if !heads.is_empty() => {
            // Undefined if a head is.
            let all: Option<Vec<f64>> = heads.into_iter().collect();
            vec![all.and_then(|all| average(all, Average::Mean))]
        }
        _ => of(false),
    }
}

fn average(mut values: Vec<f64>, average: Average) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    Some(match average {
        Average::Mean => values.iter().sum::<f64>() / n as f64,
        Average::Median => {
            values.sort_by(f64::total_cmp);
            f64::midpoint(values[(n - 1) / 2], values[n / 2])
        }
    })
}

#[cfg(test)]
mod tests {
    use settling_core::Site;

    use super::*;
    use crate::SummarySteps;

    fn record(step: u64, site: Site, signal: Signal, value: f64) -> Record {
        let (metric, estimator) = match signal {
            Signal::Activation => ("cka", "biased"),
            _ => ("per", "top_head_dim"),
        };
        Record::new("m", Step(step), site, signal, metric.to_owned(), Ok(value))
            .with_shape(4, 4)
            .with_estimator(estimator.to_owned())
            .with_protocol("published")
    }

    fn flat(layer: usize) -> Site {
        Site { view: settling_core::View::OvFlat, ..Site::ov(layer) }
    }

    /// Heads count in a PER and not in a CKA; the published code shows some steps and no small
    /// gradients.
    #[test]
    fn what_the_published_code_averages() {
        use Component::{Attention, Mlp};
        let records: Vec<Record> = [512, 1000]
            .into_iter()
            .flat_map(|step| {
                [
                    record(step, flat(0), Signal::Activation, 0.5),
                    record(step, flat(0).with_head(0), Signal::Activation, 0.1),
                    record(step, flat(0), Signal::Weight, 0.25),
                    record(step, flat(0).with_head(0), Signal::Weight, 0.5),
                    record(step, flat(0).with_head(1), Signal::Weight, 1.0),
                    record(step, flat(0), Signal::Gradient, 0.5),
                    record(step, Site::write(0, Mlp), Signal::Gradient, 0.75),
                    record(step, Site::write(0, Attention), Signal::Weight, 0.9),
                ]
            })
            .collect();
        let mut rules = Rules::published();
        let of = |rules: &Rules| {
            let rows = summary_table(&records, rules);
            rows.iter()
                .map(|row| (row.step.0, row.component, row.signal, row.value.unwrap(), row.n))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(&rules),
            [
                (1000, Attention, Signal::Activation, 0.5, 1),
                (1000, Attention, Signal::Weight, 0.5, 3),
                (1000, Mlp, Signal::Gradient, 0.75, 1),
            ]
        );
        rules.summary.average = Average::Mean;
        rules.summary.per_sites = PerSites::MeanOverHeads;
        rules.summary.least_gradient_per = 0.0;
        assert_eq!(
            of(&rules),
            [
                (1000, Attention, Signal::Activation, 0.5, 1),
                (1000, Attention, Signal::Weight, 0.75, 1),
                (1000, Attention, Signal::Gradient, 0.5, 1),
                (1000, Mlp, Signal::Gradient, 0.75, 1),
            ]
        );
        rules.summary.per_sites = PerSites::Layers;
        rules.summary.steps = SummarySteps::All;
        let found = of(&rules);
        assert_eq!(found.len(), 8);
        assert!(found.contains(&(512, Attention, Signal::Weight, 0.25, 1)));
    }

    /// Every estimator of CKA has rows, the one that decides before the others.
    #[test]
    fn the_estimator_that_decides_comes_first() {
        let cka = |estimator: &str, layer, value| {
            let site = Site::write(layer, Component::Mlp);
            Record::new("m", Step(1000), site, Signal::Activation, "cka", Ok(value))
                .with_estimator(estimator)
                .with_protocol("mine")
        };
        let records: Vec<Record> = [0, 1]
            .into_iter()
            .flat_map(|layer| {
                let more = 0.25 * layer as f64;
                [
                    cka("floor", layer, more),
                    cka("biased", layer, 0.5 + more),
                    cka("debiased", layer, 0.25 + more),
                ]
            })
            .collect();
        let found = |rules: Rules| -> Vec<(String, f64, u64)> {
            let rules = Rules { protocol: "mine".to_owned(), ..rules };
            let rows = summary_table(&records, &rules);
            rows.into_iter().map(|row| (row.estimator, row.value.unwrap(), row.n)).collect()
        };
        let rows = |rows: [(&str, f64); 3]| rows.map(|(name, value)| (name.to_owned(), value, 2));
        assert_eq!(
            found(Rules::corrected()),
            rows([("debiased", 0.375), ("biased", 0.625), ("floor", 0.125)])
        );
        assert_eq!(
            found(Rules::published()),
            rows([("biased", 0.625), ("debiased", 0.375), ("floor", 0.125)])
        );
    }

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        assert_eq!(average(vec![4.0, 1.0, 2.0, 8.0], Average::Median), Some(3.0));
        assert_eq!(average(vec![4.0, 1.0, 2.0], Average::Median), Some(2.0));
        assert_eq!(average(vec![], Average::Median), None);
    }
}
