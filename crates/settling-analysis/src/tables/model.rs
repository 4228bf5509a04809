//! Records -> which models there are, and which of their steps decide.

use settling_core::Step;
use settling_records::Record;

use crate::Rules;
use crate::layers::{models, studied_steps};

/// What was studied of one model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelRow {
    /// The model's name.
    pub model: String,
    /// How many layers it has: the deepest that was measured, and those above it.
    pub layers: usize,
    /// The measured steps, ascending; the last one is the end of training.
    pub steps: Vec<Step>,
    /// Those of them that decide about early convergence.
    pub early: Vec<Step>,
    /// How many records there are of it.
    pub records: usize,
    /// How many of these are undefined.
    pub undefined: usize,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl ModelRow {
    /// The last step: the end of training.
    #[must_use]
    pub fn last(&self) -> Option<Step> {
        self.steps.last().copied()
    }
}

/// The models of the protocol's records, in order of appearance.
///
/// ```
/// use settling_analysis::{Rules, model_table};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let record = |step| {
///     let site = Site::write(5, Component::Mlp);
///     Record::new("m", Step(step), site, Signal::Weight, "per", Ok(0.5))
///         .with_protocol("corrected")
/// };
/// let [model] = &model_table(&[0, 100, 101, 1000].map(record), &Rules::corrected())[..] else {
///     panic!("one model")
/// };
/// // Within 10 % of training: up to step 100.
/// assert_eq!(model.early, [Step(0), Step(100)]);
/// assert_eq!((model.layers, model.last()), (6, Some(Step(1000))));
/// ```
#[must_use]
pub fn model_table(records: &[Record], rules: &Rules) -> Vec<ModelRow> {
    let row = |model: &str| {
        let of_model = || {
            let of_protocol = records.iter().filter(|record| record.protocol == rules.protocol);
            of_protocol.filter(move |record| record.model == model)
        };
        let steps = studied_steps(records, model, rules);
        let early = steps[rules.early.window.within(&steps)].iter().copied().map(Step).collect();
        ModelRow {
            model: model.to_owned(),
            layers: of_model().map(|record| record.site.layer + 1).max().unwrap_or(0),
            steps: steps.into_iter().map(Step).collect(),
            early,
            records: of_model().count(),
            undefined: of_model().filter(|record| record.value.is_err()).count(),
            protocol: rules.protocol.clone(),
        }
    };
    models(records, rules).into_iter().map(row).collect()
}
