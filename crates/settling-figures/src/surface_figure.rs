use settling_analysis::{GridShare, SweepPoint};
use settling_records::Record;

use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::note;
use crate::series::{Quantity, component_name, shown};
use crate::surface::{PAPER_CKA, Surface, surfaces};
use crate::table::{Sheet, Table};

/// How much the association of early convergence with large PER owes to the choice of thresholds:
/// the Matthews correlation over a grid of them, for one model.
///
/// Four tables: Attention and MLP, by the PER of the weight and of the gradient. From the bottom
/// up, what CKA with the last checkpoint must reach at some step of the first 10 % of training: 0.2
/// to 0.8. From left to right, what the PER must reach at the end: 0.8 to 0.99 of weights; of
/// gradients 50 to 100 % of the largest of any layer and component. All with `>=`. Colours run from
/// -1 (dark) to 1 (light), a dashed line separates positive correlations from others, a frame marks
/// the paper's thresholds. Where the correlation is undefined (all layers agree in one of the
/// variables, or one depends on an undefined value) the table is white. If a layer has no PER at
/// the end, or no CKA at all, there is no table: one over the others would hide it.
///
/// The CKA is the debiased one, or the biased one if there is no other. Only records of whole
/// layers (no head) are looked at; the last step of any record of the model is the end of its
/// training.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if no correlation is defined; [`ErrorKind::InvalidRecords`] if two records
/// give the same number or a value is not finite.
///
/// # Example
///
/// ```
/// use settling_figures::surface_figure;
/// use settling_records::read_records;
///
/// // Layer 0 is early and large, layer 1 neither: the correlation is 1 wherever the thresholds tell them apart.
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,mine,10,0,mlp,write,,activation,cka,0.9,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// 1,mine,10,1,mlp,write,,activation,cka,0.1,4096,512,last,debiased,corrected
/// 1,mine,100,1,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,weight,per,0.99,512,2048,,attainable,corrected
/// 1,mine,100,1,mlp,write,,weight,per,0.7,512,2048,,attainable,corrected
/// ";
/// let figure = surface_figure(&read_records(csv.as_bytes())?, "mine")?;
/// assert!(figure.svg().contains("MLP, PER of weights: above 0 at 260 of 260 points."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn surface_figure(records: &[Record], model: &str) -> Result<Figure, Error> {
    let of_model: Vec<Record> =
        records.iter().filter(|record| record.model == model).cloned().collect();
    let cka = Quantity::cka(&of_model);
    let quantities = [cka, Quantity::WeightPer, Quantity::GradientPer];
    let figure = format!("the threshold surface of `{model}`");
    let used = shown(&of_model, &quantities, &figure)?;
    let surfaces = surfaces(&of_model, &used, model, cka)?;
    let drawn: Vec<Drawn> = surfaces.iter().map(Drawn::new).collect();
    if drawn.iter().all(|drawn| drawn.values.iter().all(Option::is_none)) {
        let reasons: Vec<String> =
            drawn.iter().map(|drawn| format!("{}: {}", drawn.title, drawn.absent)).collect();
        let message = format!(
            "no number to draw: {figure} shows correlations over layers, and none is defined ({})",
            reasons.join("; ")
        );
        return Err(Error::new(ErrorKind::NoData, message));
    }
    let names: Vec<[Vec<&str>; 2]> = drawn
        .iter()
        .map(|drawn| {
            [&drawn.rows, &drawn.columns].map(|names| names.iter().map(String::as_str).collect())
        })
        .collect();
    let tables = drawn.iter().zip(&names).map(|(drawn, [rows, columns])| Table {
        title: &drawn.title,
        row_title: "CKA at least",
        column_title: drawn.column_title,
        rows,
        columns,
        values: &drawn.values,
        framed: drawn.framed,
        absent: drawn.absent,
    });
    let meaning = format!(
        "{model}: Matthews correlation over layers of early convergence (the {} reaches the threshold within 10 % of training) with large \
         PER at the end. Frame: the paper's thresholds. Dashed line: the border of positive correlations. White: undefined.",
        cka.phrase()
    );
    let counts: Vec<String> = drawn.iter().filter_map(Drawn::count).collect();
    let title = format!("Matthews correlation of {model} under other thresholds");
    let sheet = Sheet {
        title: &title,
        notes: vec![meaning, counts.join(" "), note::source(&used)],
        tables: tables.collect(),
        across: 2,
        least_width: 0.0,
        size: (372.0, 15.0),
        range: (-1.0, 1.0),
        border: true,
    };
    Ok(Figure::new(sheet.draw()))
}

/// A surface in the words and numbers of its table.
struct Drawn {
    title: String,
    column_title: &'static str,
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<Option<f64>>,
    framed: Option<(usize, usize)>,
    absent: &'static str,
    share: Option<GridShare>,
}

impl Drawn {
    fn new(surface: &Surface) -> Self {
        let percent = |percent: &u32| format!("{:.2}", f64::from(*percent) / 100.0);
        let place = |thresholds: &[u32], paper| thresholds.iter().position(|&one| one == paper);
        let framed = place(&surface.cka, PAPER_CKA).zip(place(&surface.size, surface.paper_size()));
        let sweep = surface.sweep.as_ref();
        let (column_title, unit): (_, fn(&u32) -> String) = match surface.predictor {
            Quantity::WeightPer => ("PER at least", percent),
            _ => ("PER at least, of the largest", |percent| format!("{percent} %")),
        };
        let points = surface.cka.len() * surface.size.len();
        Self {
            title: format!("{}, {}", component_name(surface.component), surface.predictor.title()),
            column_title,
            rows: surface.cka.iter().map(percent).collect(),
            columns: surface.size.iter().map(unit).collect(),
            values: sweep.map_or(vec![None; points], |sweep| {
                sweep.points().iter().map(SweepPoint::mcc).collect()
            }),
            framed: sweep.is_ok().then_some(framed).flatten(),
            absent: surface.sweep.as_ref().err().copied().unwrap_or("undefined everywhere"),
            share: sweep.ok().map(|sweep| sweep.share(|mcc| mcc > 0.0)),
        }
    }

    fn count(&self) -> Option<String> {
        let GridShare { holds, undefined, points } = self.share?;
        let mut count = format!("{}: above 0 at {holds} of {points} points", self.title);
        if undefined > 0 {
            count += &format!(", undefined at {undefined}");
        }
        Some(count + ".")
    }
}
