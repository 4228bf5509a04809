//! A grid of panels over the training step.

use settling_analysis::StepAxis;

use crate::plot::axis::Axis;
use crate::plot::grid::{self, Grid};
use crate::plot::key::Key;
use crate::plot::panel::{HEIGHT, Mark};

/// A [`Grid`] whose horizontal axis is the training step.
pub(crate) struct Training<'a> {
    pub(crate) title: &'a str,
    pub(crate) notes: Vec<String>,
    pub(crate) series: &'a [&'a str],
    pub(crate) key: Key<'a>,
    pub(crate) rows: &'a [&'a str],
    pub(crate) columns: Vec<Column>,
    /// How the steps are placed.
    pub(crate) step_axis: StepAxis,
    /// Whether all columns share one axis of values.
    pub(crate) shared_values: bool,
}

/// A column of panels.
pub(crate) struct Column {
    pub(crate) title: String,
    /// Whether the axis of values reaches from 0 to 1 at least, so that similarities are seen for
    /// what they are.
    pub(crate) whole: bool,
    /// The marks of each row; numbers are similarities or shares, from 0 to 1 but for the noise of
    /// an estimate.
    pub(crate) panels: Vec<Vec<Mark>>,
}

impl Training<'_> {
    pub(crate) fn draw(self) -> String {
        let marks = || self.columns.iter().flat_map(|column| column.panels.iter().flatten());
        let x = Axis::steps(marks().flat_map(Mark::across).map(|step| step as u64), self.step_axis);
        let axis = |numbers: Vec<f64>| Axis::values(numbers, (0.0, 1.0));
        let ends = |whole: bool| [0.0, 1.0].into_iter().filter(move |_| whole);
        let any = self.columns.iter().any(|column| column.whole);
        let all = axis(marks().flat_map(Mark::up).chain(ends(any)).collect());
        let column = |Column { title, whole, panels }: Column| {
            let numbers = panels.iter().flatten().flat_map(Mark::up);
            let own = axis(numbers.chain(ends(whole)).collect());
            let values = if self.shared_values { all.clone() } else { own };
            grid::Column { title, values, panels }
        };
        let x_title = format!("Training step ({})", x.scale());
        let grid = Grid {
            title: self.title,
            notes: self.notes,
            series: self.series,
            key: self.key,
            rows: self.rows.to_vec(),
            columns: self.columns.into_iter().map(column).collect(),
            x,
            x_title: &x_title,
            panel_height: HEIGHT,
            shared_values: self.shared_values,
        };
        grid.draw()
    }
}
