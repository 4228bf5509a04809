//! Correlations over a grid of thresholds.

use settling_analysis::{GridShare, Quantity, Surface, Tables, Threshold};

use super::note::{self, Count};
use super::{component_name, phrase, title};
use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::table::{Sheet, Table};
use crate::plot::text::{counted, short_name};

/// How much the association of early convergence with large PER owes to the choice of thresholds:
/// the Matthews correlation over a grid of them, for one model.
///
/// Four tables, the rows of [`Tables::surfaces`] of `model`: Attention and MLP, by the PER of the
/// weight and of the gradient. From the bottom up, what CKA with the last checkpoint must reach in
/// the window of the protocol; from left to right, what the PER must reach at the end, of gradients
/// as a share of the largest of any layer and component. Colors run from blue (-1) by gray (0) to
/// red (1), a dashed line separates positive correlations from others, a frame marks the thresholds
/// of the protocol. Where the correlation is undefined (all layers agree in one of the variables,
/// or one depends on an undefined value) the table is white, and the note says why. If a layer has
/// no PER at the end, or no CKA at all, there is no table: one over the others would hide it. A
/// table without any correlation is not drawn, and named in the note.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if no correlation is defined.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::surface_figure;
/// use settling_records::read_records;
///
/// // Layer 0 is early and large, layer 1 neither: the correlation is 1 wherever the thresholds
/// // tell them apart.
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,mine,10,0,mlp,write,,activation,cka,0.9,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// 1,mine,10,1,mlp,write,,activation,cka,0.1,4096,512,last,debiased,corrected
/// 1,mine,100,1,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,weight,per,0.99,512,2048,,attainable,corrected
/// 1,mine,100,1,mlp,write,,weight,per,0.7,512,2048,,attainable,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = surface_figure(&tables, "mine")?;
/// assert!(figure.svg().contains("MLP, PER of weights: above 0 at 260 of 260 points."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn surface_figure(tables: &Tables, model: &str) -> Result<Figure, Error> {
    let surfaces = tables.surfaces.iter().filter(|surface| surface.model == model);
    let drawn: Vec<Drawn> = surfaces.map(Drawn::new).collect();
    if drawn.iter().all(|drawn| drawn.values.iter().all(Option::is_none)) {
        let reasons: Vec<String> =
            drawn.iter().map(|drawn| format!("{}: {}", drawn.title, drawn.absent)).collect();
        let reasons = match reasons.is_empty() {
            true => format!("no records of protocol `{}`", tables.rules.protocol),
            false => reasons.join("; "),
        };
        let message = format!(
            "no number to draw: the threshold surface of `{model}` shows correlations over layers, \
             and none is defined ({reasons})"
        );
        return Err(Error::new(ErrorKind::NoData, message));
    }
    let names: Vec<[Vec<&str>; 2]> = drawn
        .iter()
        .map(|drawn| {
            [&drawn.rows, &drawn.columns].map(|names| names.iter().map(String::as_str).collect())
        })
        .collect();
    let rules = &tables.rules;
    let row_title = format!("CKA {}", note::compared(rules.early.cka));
    // A table without any correlation leaves its place to the others.
    let there = |drawn: &&Drawn| drawn.values.iter().any(Option::is_some);
    let shown = drawn.iter().zip(&names).filter(|(drawn, _)| there(drawn));
    let tables_of_figure = shown.map(|(drawn, [rows, columns])| Table {
        title: &drawn.title,
        row_title: &row_title,
        column_title: &drawn.column_title,
        rows,
        columns,
        values: &drawn.values,
        framed: drawn.framed,
        absent: "",
    });
    let tables_of_figure: Vec<Table<'_>> = tables_of_figure.collect();
    let cka = Quantity::deciding(rules);
    let meaning = format!(
        "{}: Matthews correlation over layers of early convergence (the {} {} the threshold {}) \
         with large PER at the end. Frame: the thresholds of the protocol. Dashed line: the border \
         of positive correlations. White: undefined.",
        short_name(model),
        phrase(cka),
        match rules.early.cka {
            Threshold::AtLeast(_) => "reaches",
            Threshold::Above(_) => "exceeds",
        },
        rules.early.window
    );
    let mut notes = vec![meaning];
    notes.extend(drawn.iter().filter(there).filter_map(Drawn::count));
    let absent = drawn.iter().filter(|drawn| !there(drawn));
    notes.extend(absent.map(|drawn| format!("{}: undefined ({}).", drawn.title, drawn.absent)));
    let quantities = [cka, Quantity::WeightPer, Quantity::GradientPer];
    let used = super::layer_lines::rows(tables, model, &quantities);
    let count = Count::from_layers(used.iter().copied());
    notes.push(note::source(tables, used, count));
    let title = format!("Matthews correlation of {} under other thresholds", short_name(model));
    let sheet = Sheet {
        title: &title,
        notes,
        across: tables_of_figure.len().min(2),
        tables: tables_of_figure,
        least_width: 0.0,
        size: (372.0, 15.0),
        range: (-1.0, 1.0),
        signed: true,
        border: true,
    };
    Ok(Figure::new(sheet.draw()))
}

/// A surface in the words and numbers of its table.
struct Drawn {
    title: String,
    column_title: String,
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<Option<f64>>,
    framed: Option<(usize, usize)>,
    absent: String,
    share: Option<GridShare>,
    /// Why the correlation is undefined at some points.
    undefined: String,
}

/// Why the correlation is undefined, with at how many points.
fn reasons(surface: &Surface) -> String {
    let all = surface.undefined.iter().map(|(reason, points)| format!("{reason}: {points}"));
    match &surface.undefined[..] {
        [(reason, _)] => reason.clone(),
        _ => all.collect::<Vec<_>>().join("; "),
    }
}

impl Drawn {
    fn new(surface: &Surface) -> Self {
        let number = |threshold: &Threshold| decimals(threshold.number(), 2);
        let share =
            |threshold: &Threshold| format!("{} %", decimals(100.0 * threshold.number(), 0));
        let compared = surface.size.first().copied().map_or("at least", note::compared);
        let weights = surface.predictor == Quantity::WeightPer;
        let points = surface.reach.len() * surface.size.len();
        Self {
            title: format!("{}, {}", component_name(surface.component), title(surface.predictor)),
            column_title: match weights {
                true => format!("PER {compared}"),
                false => format!("PER {compared}, of the largest"),
            },
            rows: surface.reach.iter().map(number).collect(),
            columns: match weights {
                true => surface.size.iter().map(number).collect(),
                false => surface.size.iter().map(share).collect(),
            },
            values: surface.mcc.clone().unwrap_or_else(|_| vec![None; points]),
            framed: surface.mcc.is_ok().then_some(surface.own),
            absent: match &surface.mcc {
                Err(reason) => reason.clone(),
                Ok(_) => reasons(surface),
            },
            share: surface.positive,
            undefined: reasons(surface),
        }
    }

    fn count(&self) -> Option<String> {
        let GridShare { holds, undefined, points } = self.share?;
        let points = counted(points as u64, "point");
        let mut count = format!("{}: above 0 at {holds} of {points}", self.title);
        if undefined > 0 {
            count += &format!(", undefined at {undefined} ({})", self.undefined);
        }
        Some(count + ".")
    }
}

/// `number` with this many decimals, or with up to four more where it has them.
fn decimals(number: f64, least: usize) -> String {
    let exact = |decimals: &usize| {
        let written = format!("{number:.decimals$}");
        written.parse::<f64>().is_ok_and(|read| (read - number).abs() < 1e-9)
    };
    let decimals = (least..least + 4).find(exact).unwrap_or(least + 4);
    format!("{number:.decimals$}")
}
