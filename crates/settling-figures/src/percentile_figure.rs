use settling_core::Component;
use settling_records::Record;

use crate::error::Error;
use crate::figure::Figure;
use crate::key::Key;
use crate::note;
use crate::page;
use crate::panel::{LABEL_SIZE, Mark};
use crate::quantile::quantile;
use crate::series::{COMPONENTS, Quantity, layers, models, over_layers, shown};
use crate::stroke::Stroke;
use crate::training::Training;

/// The bands from back to front: their percentiles, and a grey that stays apart from the next in
/// print.
const BANDS: [([f64; 2], &str, &str); 2] = [
    ([0.1, 0.9], "#d3d5e3", "10th to 90th percentile of the layers"),
    ([0.25, 0.75], "#9da3c6", "25th to 75th"),
];

/// How the layers of each model spread around their median while they converge: CKA with the last
/// checkpoint, as bands of percentiles.
///
/// Two rows (Attention, MLP), one column a model, all on one axis of values. Light: from the 10th
/// to the 90th percentile over layers. Darker: from the 25th to the 75th. Line: the median.
/// Percentiles are [`quantile`]s of the layers that have a defined value, so those of few layers
/// are interpolated between few numbers. The CKA is the debiased one, or the biased one if there is
/// no other.
///
/// Only records of whole layers (no head) are looked at. A band is interrupted at a step where no
/// layer has a defined value; the note counts the undefined values.
///
/// # Errors
///
/// As [`main_figure`](crate::main_figure).
///
/// # Example
///
/// ```
/// use settling_figures::percentile_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.25,2048,512,last,debiased,corrected
/// 1,pythia-70m,0,1,mlp,write,,activation,cka,0.0,2048,512,last,debiased,corrected
/// ";
/// let figure = percentile_figure(&read_records(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("25th to 75th"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn percentile_figure(records: &[Record]) -> Result<Figure, Error> {
    let cka = Quantity::cka(records);
    let used = shown(records, &[cka], "the figure of percentiles")?;
    let models = models(&used);
    let median = ["median"];

    let panel = |model: &str, component| {
        let layers = layers(&used, model, component, cka)?;
        let bands = BANDS.map(|([low, high], fill, _)| {
            let between =
                |values: Vec<f64>| Some((quantile(&values, low)?, quantile(&values, high)?));
            Mark::Band { fill, points: over_layers(&layers, between) }
        });
        let median = over_layers(&layers, |values| quantile(&values, 0.5));
        let median = Mark::Curve { series: 0, stroke: Stroke::Thin, points: median };
        Ok(bands.into_iter().chain([median]).collect())
    };
    let columns = models.iter().map(|&model| {
        let panels = Component::ALL.iter().map(|&component| panel(model, component));
        Ok((model.to_owned(), panels.collect::<Result<_, Error>>()?))
    });
    let meaning = format!(
        "Similarity to the last checkpoint, {}: percentiles over the layers of a model, by linear interpolation between ranks.",
        cka.phrase()
    );
    let training = Training {
        title: "Convergence of layers: percentiles over layers",
        notes: vec![meaning, note::source(&used)],
        series: &median,
        key: Key::areas(
            &BANDS.map(|(_, fill, name)| (fill, name)),
            median[0],
            LABEL_SIZE,
            page::WIDTH - 28.0,
        ),
        rows: &COMPONENTS,
        columns: columns.collect::<Result<_, Error>>()?,
        shared_values: true,
    };
    Ok(Figure::new(training.draw()))
}
