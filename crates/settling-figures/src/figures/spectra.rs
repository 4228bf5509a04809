//! Singular values of one matrix over training.

use settling_core::Step;

use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::axis::{Axis, count_label};
use crate::plot::grid::{Column, Grid};
use crate::plot::key::Key;
use crate::plot::page;
use crate::plot::panel::{LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::text::counted;

/// The singular values of one matrix over training, each spectrum divided by its largest value: one
/// line per step, from the first (dark) to the last (light).
///
/// `spectra` are the singular values of each step, in descending order, in any unit; the steps
/// ascend. Both axes are logarithmic where the numbers span decades; a singular value of 0 has a
/// place of its own below. Lines of many values are drawn through fewer points, at least one every
/// pixel and a half. A spectrum of zeros cannot be divided: it is not drawn, and counted in the
/// note, as are the lengths.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if there is no spectrum with a value above 0;
/// [`ErrorKind::InvalidRecords`] if the steps do not ascend, or a spectrum does not descend, has a
/// value below 0 or one that is not finite.
///
/// # Example
///
/// ```
/// use settling_core::Step;
/// use settling_figures::spectra_figure;
///
/// let (first, last) = ([4.0, 3.0, 2.0], [9.0, 3.0, 0.5]);
/// let spectra = [(Step(0), &first[..]), (Step(1000), &last[..])];
/// let figure = spectra_figure("mine, layer0.mlp.write, weight", &spectra)?;
/// assert!(figure.svg().contains("step 1000"));
/// # Ok::<(), settling_figures::Error>(())
/// ```
pub fn spectra_figure(title: &str, spectra: &[(Step, &[f64])]) -> Result<Figure, Error> {
    check(title, spectra)?;
    let zero = |spectrum: &[f64]| spectrum.first().is_none_or(|&largest| largest <= 0.0);
    let drawn: Vec<(Step, &[f64])> =
        spectra.iter().copied().filter(|(_, spectrum)| !zero(spectrum)).collect();
    if drawn.is_empty() {
        let message = format!(
            "no number to draw: `{title}` has {} spectra, and none has a singular value above 0",
            spectra.len()
        );
        return Err(Error::new(ErrorKind::NoData, message));
    }
    let longest = drawn.iter().map(|(_, spectrum)| spectrum.len()).max().unwrap_or(1);
    let x = Axis::counts([1, longest as u64]);
    let line = |(series, &(_, spectrum)): (usize, &(Step, &[f64]))| {
        let ratios =
            (1_u32..).zip(spectrum).map(|(rank, value)| (rank.into(), value / spectrum[0]));
        Mark::Curve { series, stroke: Stroke::Thin, points: thinned(ratios.collect(), &x) }
    };
    let marks: Vec<Mark> = drawn.iter().enumerate().map(line).collect();

    let names: Vec<String> = drawn.iter().map(|(step, _)| format!("step {step}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let labels: Vec<String> = drawn.iter().map(|(step, _)| count_label(step.0)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let mut notes = vec![format!(
        "Singular values in descending order, each spectrum divided by its largest value; {} per step.",
        counted(longest as u64, "value")
    )];
    if drawn.len() < spectra.len() {
        let undefined = spectra.len() - drawn.len();
        notes.push(format!(
            "Left out because all values are 0: {undefined} of {} spectra.",
            spectra.len()
        ));
    }
    let values = Axis::ratios(marks.iter().flat_map(Mark::up));
    let x_title = format!("Rank of the singular value ({})", x.scale());
    notes[0] += &format!(" Ratios on a {} axis.", values.scale());
    let grid = Grid {
        title,
        notes,
        series: &names,
        key: Key::bar("Step", &labels, LABEL_SIZE),
        rows: vec!["\u{3c3} / largest \u{3c3}"],
        columns: vec![Column { title: title.to_owned(), values, panels: vec![marks] }],
        x,
        x_title: &x_title,
        panel_height: 320.0,
        shared_values: false,
    };
    Ok(Figure::new(grid.draw()))
}

/// The points that a line needs: those that are apart along the axis, and the last.
fn thinned(points: Vec<(f64, f64)>, x: &Axis) -> Vec<(f64, Option<f64>)> {
    const APART: f64 = 1.5 / page::WIDTH;
    let last = points.len() - 1;
    let mut place = f64::NEG_INFINITY;
    let apart = |(index, (rank, ratio)): (usize, (f64, f64))| {
        let here = x.place(rank);
        (here - place >= APART || index == last).then(|| {
            place = here;
            (rank, Some(ratio))
        })
    };
    points.into_iter().enumerate().filter_map(apart).collect()
}

fn check(title: &str, spectra: &[(Step, &[f64])]) -> Result<(), Error> {
    let invalid = |problem: String| {
        Err(Error::new(ErrorKind::InvalidRecords, format!("spectra of `{title}`: {problem}")))
    };
    if let Some(pair) = spectra.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return invalid(format!(
            "expected steps that ascend, found step {} after step {}",
            pair[1].0, pair[0].0
        ));
    }
    for (step, spectrum) in spectra {
        if let Some(value) = spectrum.iter().find(|value| !value.is_finite() || **value < 0.0) {
            return invalid(format!("step {step}: expected values from 0, found {value}"));
        }
        if let Some(pair) = spectrum.windows(2).find(|pair| pair[0] < pair[1]) {
            return invalid(format!(
                "step {step}: expected values that descend, found {} after {}",
                pair[1], pair[0]
            ));
        }
    }
    Ok(())
}
