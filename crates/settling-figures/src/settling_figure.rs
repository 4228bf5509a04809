use settling_analysis::{Crossing, Settling, Threshold};
use settling_core::Component;
use settling_records::Record;

use crate::axis::Axis;
use crate::error::Error;
use crate::figure::Figure;
use crate::grid::{Column, Grid};
use crate::key::Key;
use crate::note;
use crate::page;
use crate::panel::{HEIGHT, LABEL_SIZE, Mark};
use crate::series::{COMPONENTS, Quantity, last_step, layers, models, shown, trajectories};
use crate::stroke::Stroke;

/// The axis reaches at least down to here.
const LEAST_SHARE: f64 = 0.01;

/// When each layer settles, by its depth: from which share of training on its CKA with the last
/// checkpoint is at least a threshold, at every measured step.
///
/// One row for each of `thresholds`, a column for Attention and one for the MLP, one line a model.
/// Depth runs from 0, the first layer, to 1, the last, so that models of different depth can be
/// compared. The settling step is a measured one ([`Crossing::Measured`]): the true one lies
/// between it and the measured step before. The axis of shares is logarithmic, with a place of its
/// own for layers that are settled at step 0.
///
/// A layer that reaches the threshold only at the last step, where its CKA is 1 by definition, or
/// not even there, is not settled: it is an outlined marker above the axis, and interrupts the
/// line. A layer whose answer depends on an undefined value is not drawn. The note counts both. The
/// CKA is the debiased one, or the biased one if there is no other. The last step of any record of
/// a model is the end of its training.
///
/// # Errors
///
/// As [`main_figure`](crate::main_figure).
///
/// # Panics
///
/// If a threshold is NaN.
///
/// # Example
///
/// ```
/// use settling_figures::settling_figure;
/// use settling_records::read_records;
///
/// // At least 0.5 from step 100 of 1000 on: 10 % of training.
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,mine,0,0,mlp,write,,activation,cka,0.1,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,activation,cka,0.6,4096,512,last,debiased,corrected
/// 1,mine,1000,0,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// ";
/// let figure = settling_figure(&read_records(csv.as_bytes())?, &[0.5, 0.9])?;
/// assert!(figure.svg().contains("Not settled at 0.9: 1 of 1 layers."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn settling_figure(records: &[Record], thresholds: &[f64]) -> Result<Figure, Error> {
    assert!(thresholds.iter().all(|threshold| !threshold.is_nan()), "a threshold is NaN");
    let cka = Quantity::cka(records);
    let used = shown(records, &[cka], "the figure of settling steps")?;
    let models = models(&used);

    let mut columns = Component::ALL.map(|_| Vec::new());
    let mut notes = vec![format!(
        "From which share of training on the {} with the last checkpoint is at least the threshold. Outlined: not settled before the last step.",
        cka.phrase()
    )];
    for &threshold in thresholds {
        let mut count = Count::default();
        for (component, column) in Component::ALL.into_iter().zip(&mut columns) {
            let mut marks = Vec::new();
            for (series, model) in models.iter().enumerate() {
                let last = last_step(records, model);
                let layers = settled(&layers(&used, model, component, cka)?, last, threshold);
                count.add(&layers);
                marks.extend(marks_of(series, &layers));
            }
            column.push(marks);
        }
        notes.push(count.note(threshold));
    }
    notes.push(note::source(&used));

    let marks = || columns.iter().flatten().flatten();
    let shares =
        Axis::shares(marks().flat_map(Mark::up).chain([LEAST_SHARE, 1.0])).with_lane("not settled");
    let rows: Vec<String> =
        thresholds.iter().map(|threshold| format!("CKA \u{2265} {threshold}")).collect();
    let grid = Grid {
        title: "When layers settle, by depth",
        notes,
        series: &models,
        key: Key::new(&models, &[], LABEL_SIZE, page::WIDTH - 28.0),
        rows: &rows.iter().map(String::as_str).collect::<Vec<_>>(),
        columns: COMPONENTS
            .into_iter()
            .zip(columns)
            .map(|(title, panels)| Column {
                title: title.to_owned(),
                values: shares.clone(),
                panels,
            })
            .collect(),
        x: Axis::values([-0.04, 1.04], (-0.04, 1.04)),
        x_title: "Depth (0: first layer, 1: last)",
        panel_height: HEIGHT,
        shared_values: true,
    };
    Ok(Figure::new(grid.draw()))
}

/// The depth of a layer, and the share of training after which it is settled.
type Settled = (f64, State);

#[derive(Clone, Copy)]
enum State {
    At(f64),
    Not,
    Unknown,
}

fn settled(layers: &crate::series::Layers, last: u64, threshold: f64) -> Vec<Settled> {
    let trajectories = trajectories(layers, last);
    let deepest = trajectories.keys().next_back().copied().unwrap_or_default().max(1);
    let state = |trajectory: &settling_analysis::Trajectory| match trajectory
        .settling(Threshold::AtLeast(threshold), Crossing::Measured)
    {
        Ok(Settling::At(step)) => State::At(step / (last as f64).max(1.0)),
        Ok(Settling::OnlyLast | Settling::Never) => State::Not,
        Err(_) => State::Unknown,
    };
    let layer = |(&layer, trajectory)| (layer as f64 / deepest as f64, state(trajectory));
    trajectories.iter().map(layer).collect()
}

fn marks_of(series: usize, layers: &[Settled]) -> [Mark; 2] {
    let points = layers.iter().map(|&(depth, state)| match state {
        State::At(share) => (depth, Some(share)),
        State::Not | State::Unknown => (depth, None),
    });
    let not = layers.iter().filter(|(_, state)| matches!(state, State::Not));
    [
        Mark::Curve { series, stroke: Stroke::Solid, points: points.collect() },
        Mark::Lane { series, at: not.map(|&(depth, _)| depth).collect() },
    ]
}

#[derive(Default)]
struct Count {
    layers: usize,
    not: usize,
    unknown: usize,
}

impl Count {
    fn add(&mut self, layers: &[Settled]) {
        self.layers += layers.len();
        self.not += layers.iter().filter(|(_, state)| matches!(state, State::Not)).count();
        self.unknown += layers.iter().filter(|(_, state)| matches!(state, State::Unknown)).count();
    }

    fn note(&self, threshold: f64) -> String {
        let Self { layers, not, unknown } = self;
        let mut note = format!("Not settled at {threshold}: {not} of {layers} layers.");
        if *unknown > 0 {
            note += &format!(" Unknown for undefined values: {unknown}.");
        }
        note
    }
}
