//! Which steps decide about early convergence.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::threshold::rounded;

/// Which steps decide whether a layer is [early](crate::Trajectory::early).
///
/// A fraction is that of the last step: a step s belongs to it if `s <= fraction * last`, in f64.
/// The last step itself never decides, whatever a window says: a layer is similar to its own end
/// there by definition.
///
/// ```
/// use settling_analysis::Window;
///
/// let steps = [0, 14_300, 14_301, 143_000];
/// // Ten percent of 143,000 steps.
/// assert_eq!(steps[Window::UpTo(0.1).within(&steps)], [0, 14_300]);
/// assert_eq!(steps[Window::LastUpTo(0.1).within(&steps)], [14_300]);
/// assert!(Window::Index(13).within(&steps).is_empty(), "there are four steps");
/// // All but the last.
/// assert_eq!(Window::UpTo(1.0).within(&steps), 0..3);
/// ```
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Window {
    /// Any measured step up to this fraction of training: one suffices.
    UpTo(f64),
    /// The last measured step up to this fraction of training.
    LastUpTo(f64),
    /// This step.
    Step(u64),
    /// The step at this place among the measured ones, counted from 0: of the paper's 27, 13 is
    /// step 13,000.
    Index(usize),
}

impl Window {
    /// The places of the deciding steps among `steps`, which ascend; the last of them is the end of
    /// training, and decides nothing. Empty if none of them decides.
    #[must_use]
    pub fn within(self, steps: &[u64]) -> Range<usize> {
        let Range { start, end } = self.named(steps);
        start..end.min(steps.len().saturating_sub(1)).max(start)
    }

    /// The places of the steps that the window names, be it the last one.
    pub(crate) fn named(self, steps: &[u64]) -> Range<usize> {
        let last = steps.last().copied().unwrap_or(0);
        let up_to =
            |fraction: f64| steps.partition_point(|&step| step as f64 <= fraction * last as f64);
        let place = |index: Option<usize>| match index.filter(|&index| index < steps.len()) {
            Some(index) => index..index + 1,
            None => 0..0,
        };
        match self {
            Self::UpTo(fraction) => 0..up_to(fraction),
            Self::LastUpTo(fraction) => place(up_to(fraction).checked_sub(1)),
            Self::Step(step) => place(steps.binary_search(&step).ok()),
            Self::Index(index) => place(Some(index)),
        }
    }

    /// The same window without [`Index`](Self::Index), whose step is looked up among `steps`: for
    /// trajectories that were not measured at all of them.
    #[must_use]
    pub(crate) fn of_steps(self, steps: &[u64]) -> Self {
        match self {
            // A step that is not there was not measured.
            Self::Index(index) => Self::Step(steps.get(index).copied().unwrap_or(u64::MAX)),
            other => other,
        }
    }
}

/// Writes `within 10 % of training` or `at step 13000`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpTo(fraction) => write!(f, "within {} % of training", rounded(100.0 * fraction)),
            Self::LastUpTo(fraction) => {
                write!(f, "at the last step within {} % of training", rounded(100.0 * fraction))
            }
            Self::Step(step) => write!(f, "at step {step}"),
            Self::Index(index) => write!(f, "at index {index}"),
        }
    }
}
