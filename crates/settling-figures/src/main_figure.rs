use settling_core::Component;
use settling_records::Record;

use crate::error::Error;
use crate::figure::Figure;
use crate::key::Key;
use crate::note;
use crate::page;
use crate::panel::{LABEL_SIZE, Mark};
use crate::series::{COMPONENTS, Quantity, layers, mean, models, over_layers, shown};
use crate::stroke::Stroke;
use crate::training::Training;

/// The paper's main figure: how the layers of each model converge, and how many directions their
/// weights and gradients use.
///
/// Two rows (Attention, MLP) of three columns over the training step, with one line a model: the
/// mean over the layers that have a defined value.
///
/// 1. CKA of the activations with those of the last checkpoint: records of signal `activation` and
///    metric `cka`. The line is the estimator `debiased`; `biased` is dashed and `floor` dotted
///    where there are such records. Without debiased records the line is the biased one, and the
///    title says so.
/// 2. PER, the proportional effective rank, of the weights: `weight`, `per`.
/// 3. PER of the gradients: `gradient`, `per`.
///
/// Only records of whole layers (no head) are looked at; the rest is ignored, so all records of a
/// study can be passed. The models keep the order in which the records name them first. A line is
/// interrupted at a step where no layer has a defined value. The note below the figure counts the
/// undefined values.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if none of these records holds a defined value;
/// [`ErrorKind::InvalidRecords`](crate::ErrorKind::InvalidRecords) if two records give the same
/// number, as those of two protocols do, or if a value is not finite.
///
/// # Example
///
/// ```
/// use settling_figures::main_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.25,2048,512,last,debiased,corrected
/// 1,pythia-70m,512,0,mlp,write,,activation,cka,0.75,2048,512,last,debiased,corrected
/// 1,pythia-70m,143000,0,mlp,write,,activation,cka,1.0,2048,512,last,debiased,corrected
/// ";
/// let figure = main_figure(&read_records(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("pythia-70m"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn main_figure(records: &[Record]) -> Result<Figure, Error> {
    use Quantity::{BiasedCka, CkaFloor, DebiasedCka, GradientPer, WeightPer};
    let measured = |quantity: Quantity| records.iter().any(|record| quantity.holds(record));
    let estimators = [DebiasedCka, BiasedCka].into_iter().filter(|&cka| measured(cka));
    let mut similarity: Vec<_> = estimators.zip([Stroke::Solid, Stroke::Dashed]).collect();
    let cka_title = similarity.first().map_or("CKA", |(main, _)| main.title());
    if measured(CkaFloor) {
        similarity.push((CkaFloor, Stroke::Dotted));
    }
    let strokes = similarity.iter().map(|&(cka, stroke)| (stroke, explanation(cka)));
    let strokes: Vec<_> = if similarity.len() > 1 { strokes.collect() } else { Vec::new() };
    // The background first.
    similarity.reverse();
    let columns = [
        (cka_title, similarity),
        (WeightPer.title(), vec![(WeightPer, Stroke::Solid)]),
        (GradientPer.title(), vec![(GradientPer, Stroke::Solid)]),
    ];

    let all = [DebiasedCka, BiasedCka, CkaFloor, WeightPer, GradientPer];
    let used = shown(records, &all, "the main figure")?;
    let models = models(&used);

    let panel = |component, curves: &[(Quantity, Stroke)]| {
        let mut panel = Vec::new();
        for &(quantity, stroke) in curves {
            for (series, model) in models.iter().enumerate() {
                let points = over_layers(&layers(&used, model, component, quantity)?, mean);
                if !points.is_empty() {
                    panel.push(Mark::Curve { series, stroke, points });
                }
            }
        }
        Ok(panel)
    };
    let columns = columns.into_iter().map(|(title, curves)| {
        let panels = Component::ALL.iter().map(|&component| panel(component, &curves));
        Ok((title.to_owned(), panels.collect::<Result<_, Error>>()?))
    });
    let meaning = "Means over layers. CKA: similarity of the activations to those of the last checkpoint. \
                   PER: proportional effective rank.";
    let training = Training {
        title: "Convergence of layers and effective rank over training",
        notes: vec![meaning.to_owned(), note::source(&used)],
        series: &models,
        key: Key::new(&models, &strokes, LABEL_SIZE, page::WIDTH - 28.0),
        rows: &COMPONENTS,
        columns: columns.collect::<Result<_, Error>>()?,
        shared_values: false,
    };
    Ok(Figure::new(training.draw()))
}

fn explanation(cka: Quantity) -> &'static str {
    match cka {
        Quantity::DebiasedCka => "CKA, debiased",
        Quantity::BiasedCka => "CKA, biased",
        _ => "floor: biased CKA of independent features",
    }
}
