//! The steps that published suites have.

use settling_core::Step;

/// The 154 steps of the Pythia models: 0, the powers of 2 up to 512, and every 1,000 up to 143,000.
///
/// ```
/// use settling_checkpoint::{paper_steps, pythia_steps};
/// use settling_core::Step;
///
/// assert_eq!((pythia_steps().len(), paper_steps().len()), (154, 27));
/// assert_eq!(pythia_steps()[10..13], [Step(512), Step(1000), Step(2000)]);
/// assert_eq!(paper_steps()[10..14], [Step(512), Step(1000), Step(3000), Step(13_000)]);
/// assert_eq!(paper_steps().last(), Some(&Step(143_000)));
/// ```
#[must_use]
pub fn pythia_steps() -> Vec<Step> {
    first_steps().chain((1..=143).map(|thousand| Step(1000 * thousand))).collect()
}

/// The 27 steps of *Tending Towards Stability*: 0, the powers of 2 up to 512, 1,000, and every
/// 10,000 from 3,000 up to 143,000.
#[must_use]
pub fn paper_steps() -> Vec<Step> {
    let late = (0..=14).map(|index| Step(3000 + 10_000 * index));
    first_steps().chain([Step(1000)]).chain(late).collect()
}

fn first_steps() -> impl Iterator<Item = Step> {
    [Step(0)].into_iter().chain((0..10).map(|power| Step(1 << power)))
}
