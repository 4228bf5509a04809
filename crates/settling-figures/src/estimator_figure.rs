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

const ESTIMATORS: [Quantity; 3] = [Quantity::CkaFloor, Quantity::BiasedCka, Quantity::DebiasedCka];

/// What the estimator does to the answer: the biased and the debiased CKA with the last checkpoint,
/// and the floor, what the biased one would be of independent features.
///
/// Two rows (Attention, MLP), one column a model, all on one axis of values; each line is the mean
/// over the layers that have a defined value. Where the biased line follows the floor it shows the
/// width of the model and the number of observations, not a similarity.
///
/// Only records of whole layers (no head) are looked at. A line is interrupted at a step where no
/// layer has a defined value; the note counts the undefined values.
///
/// # Errors
///
/// As [`main_figure`](crate::main_figure).
///
/// # Example
///
/// ```
/// use settling_figures::estimator_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.01,128,512,last,debiased,corrected
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.81,128,512,last,biased,corrected
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.80,128,512,last,floor,corrected
/// ";
/// let figure = estimator_figure(&read_records(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("floor"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn estimator_figure(records: &[Record]) -> Result<Figure, Error> {
    let used = shown(records, &ESTIMATORS, "the figure of estimators")?;
    let models = models(&used);
    let names = ["floor: biased CKA of independent features", "biased CKA", "debiased CKA"];

    let panel = |model: &str, component| {
        let curve = |(series, &estimator): (usize, &Quantity)| {
            let points = over_layers(&layers(&used, model, component, estimator)?, mean);
            Ok(Mark::Curve { series, stroke: Stroke::Solid, points })
        };
        ESTIMATORS.iter().enumerate().map(curve).collect::<Result<Vec<_>, Error>>()
    };
    let columns = models.iter().map(|&model| {
        let panels = Component::ALL.iter().map(|&component| panel(model, component));
        Ok((model.to_owned(), panels.collect::<Result<_, Error>>()?))
    });
    let meaning = "CKA with the last checkpoint, means over layers. The floor depends on the number of observations and on how many \
                   directions the features use, not on how similar they are.";
    let training = Training {
        title: "Biased and debiased CKA, and the floor of the biased one",
        notes: vec![meaning.to_owned(), note::source(&used)],
        series: &names,
        key: Key::new(&names, &[], LABEL_SIZE, page::WIDTH - 28.0),
        rows: &COMPONENTS,
        columns: columns.collect::<Result<_, Error>>()?,
        shared_values: true,
    };
    Ok(Figure::new(training.draw()))
}
