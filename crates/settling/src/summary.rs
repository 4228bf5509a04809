//! From records to the lines of a figure.

use std::collections::BTreeMap;

use settling_core::{Component, Signal, Site, Step};
use settling_records::{Record, SummaryRow};

use crate::{Average, PerSites, Protocol};

/// The average over layers of CKA, PER of weights and PER of gradients, for every model (in order
/// of appearance), component and step, as [`Summary`](crate::Summary) of the protocol says. The
/// records of other protocols are not looked at.
///
/// An undefined value is counted and not averaged; steps that the protocol does not show, and
/// averages of gradients' PERs that are not above its least, are left out.
///
/// ```
/// use settling::{Average, Protocol, summarise};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let per = |layer, value| Record {
///     model: "m".to_owned(),
///     step: Step(8),
///     site: Site::write(layer, Component::Mlp),
///     signal: Signal::Weight,
///     metric: "per".to_owned(),
///     value,
///     n: 8,
///     width: 32,
///     positions: None,
///     estimator: "attainable".to_owned(),
///     protocol: "corrected".to_owned(),
/// };
/// let records = [per(0, Ok(0.25)), per(1, Ok(0.5)), per(2, Ok(1.0)), per(3, Err("zero".to_owned()))];
/// let mut protocol = Protocol::corrected();
/// protocol.summary.average = Average::Median;
/// let [row] = &summarise(&records, &protocol)[..] else { panic!() };
/// assert_eq!((row.value, row.n, row.undefined), (Some(0.5), 3, 1));
/// ```
#[must_use]
pub fn summarise(records: &[Record], protocol: &Protocol) -> Vec<SummaryRow> {
    // Values of a layer: of its own, and of its heads.
    type Layers<'a> = BTreeMap<usize, Vec<(Site, Option<f64>)>>;
    let mut models: Vec<&str> = Vec::new();
    let mut points: BTreeMap<(usize, Component, Signal, Step), Layers<'_>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.protocol == protocol.name) {
        let Record { site, signal, metric, step, .. } = record;
        let counts = match signal {
            Signal::Activation => {
                metric == "cka" && record.estimator == protocol.cka.name() && site.head.is_none()
            }
            _ => metric == "per",
        };
        let shown = protocol.summary.steps.contains(*step);
        if !counts || !shown || site.view != protocol.views.of(site.component, *signal) {
            continue;
        }
        let model = models.iter().position(|&model| model == record.model);
        let model = model.unwrap_or_else(|| {
            models.push(&record.model);
            models.len() - 1
        });
        let value = record.value.as_ref().ok().copied();
        let layers = points.entry((model, site.component, *signal, *step)).or_default();
        layers.entry(site.layer).or_default().push((*site, value));
    }
    let row = |((model, component, signal, step), layers): ((usize, _, _, _), Layers<'_>)| {
        let values: Vec<Option<f64>> = layers
            .into_values()
            .flat_map(|values| of_layer(values, protocol.summary.per_sites))
            .collect();
        let defined: Vec<f64> = values.iter().copied().flatten().collect();
        let (n, undefined) = (defined.len(), values.len() - defined.len());
        let value = average(defined, protocol.summary.average);
        let least = protocol.summary.least_gradient_per;
        if signal == Signal::Gradient && value.is_some_and(|value| value <= least) {
            return None;
        }
        Some(SummaryRow {
            model: models[model].to_owned(),
            component,
            signal,
            metric: if signal == Signal::Activation { "cka" } else { "per" }.to_owned(),
            step,
            value,
            n: n as u64,
            undefined: undefined as u64,
            average: protocol.summary.average.name().to_owned(),
            protocol: protocol.name.clone(),
        })
    };
    points.into_iter().filter_map(row).collect()
}

/// What a layer contributes.
fn of_layer(values: Vec<(Site, Option<f64>)>, sites: PerSites) -> Vec<Option<f64>> {
    let of = |heads: bool| {
        let values = values.iter().filter(|(site, _)| site.head.is_some() == heads);
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
    use super::*;
    use crate::SummarySteps;

    fn record(step: u64, site: Site, signal: Signal, value: f64) -> Record {
        let (metric, estimator) = match signal {
            Signal::Activation => ("cka", "biased"),
            _ => ("per", "top_head_dim"),
        };
        Record {
            model: "m".to_owned(),
            step: Step(step),
            site,
            signal,
            metric: metric.to_owned(),
            value: Ok(value),
            n: 4,
            width: 4,
            positions: None,
            estimator: estimator.to_owned(),
            protocol: "published".to_owned(),
        }
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
                    record(step, flat(0).of_head(0), Signal::Activation, 0.1),
                    record(step, flat(0), Signal::Weight, 0.25),
                    record(step, flat(0).of_head(0), Signal::Weight, 0.5),
                    record(step, flat(0).of_head(1), Signal::Weight, 1.0),
                    record(step, flat(0), Signal::Gradient, 0.5),
                    record(step, Site::write(0, Mlp), Signal::Gradient, 0.75),
                    record(step, Site::write(0, Attention), Signal::Weight, 0.9),
                ]
            })
            .collect();
        let mut protocol = Protocol::published();
        let of = |protocol: &Protocol| {
            let rows = summarise(&records, protocol);
            rows.iter()
                .map(|row| (row.step.0, row.component, row.signal, row.value.unwrap(), row.n))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of(&protocol),
            [
                (1000, Attention, Signal::Activation, 0.5, 1),
                (1000, Attention, Signal::Weight, 0.5, 3),
                (1000, Mlp, Signal::Gradient, 0.75, 1),
            ]
        );
        protocol.summary.average = Average::Mean;
        protocol.summary.per_sites = PerSites::MeanOverHeads;
        protocol.summary.least_gradient_per = 0.0;
        assert_eq!(
            of(&protocol),
            [
                (1000, Attention, Signal::Activation, 0.5, 1),
                (1000, Attention, Signal::Weight, 0.75, 1),
                (1000, Attention, Signal::Gradient, 0.5, 1),
                (1000, Mlp, Signal::Gradient, 0.75, 1),
            ]
        );
        protocol.summary.per_sites = PerSites::Layers;
        protocol.summary.steps = SummarySteps::All;
        let found = of(&protocol);
        assert_eq!(found.len(), 8);
        assert!(found.contains(&(512, Attention, Signal::Weight, 0.25, 1)));
    }

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        assert_eq!(average(vec![4.0, 1.0, 2.0, 8.0], Average::Median), Some(3.0));
        assert_eq!(average(vec![4.0, 1.0, 2.0], Average::Median), Some(2.0));
        assert_eq!(average(vec![], Average::Median), None);
    }
}
