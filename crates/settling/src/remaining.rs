//! What a study has still to do.

use settling_core::{CheckpointSeries, Step, TensorSource, TokenSource};

use crate::plan::Plan;
use crate::{Error, RowsUsed, Settings, Store};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a study of one model has still to compute, told before any of it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Remaining {
    /// How many steps the study has; of a [shard](Settings::shard), its own.
    pub steps: usize,
    /// The steps of which something is missing, ascending, and the protocols whose units are.
    pub missing: Vec<(Step, Vec<String>)>,
    /// The last step, which every other is compared with: it is needed if anything is missing.
    pub last: Step,
    /// The evaluation rows, for each protocol.
    pub rows: Vec<RowsUsed>,
}

impl Remaining {
    /// The steps whose checkpoints will be opened: those of which something is missing, and the
    /// last.
    #[must_use]
    pub fn opened(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.missing.iter().map(|(step, _)| *step).collect();
        if steps.last().is_some_and(|step| *step != self.last) {
            steps.push(self.last);
        }
        steps
    }
}

/// Says what [`study_model`](crate::study_model) would compute, with the same arguments. No
/// checkpoint is opened.
///
/// Of a series that knows its [fingerprints](CheckpointSeries::fingerprint), as one on a hub does,
/// it is what the study will do. Of others, a unit that is there counts as done, and the study,
/// which looks into the checkpoint, may find that it is of other weights.
///
/// # Errors
///
/// As those of [`study_model`](crate::study_model) that it gives before it opens a checkpoint.
pub fn remaining<C, T>(
    model: &str,
    series: &C,
    tokens: &T,
    settings: &Settings,
    store: &Store,
) -> Result<Remaining, Error>
where
    C: CheckpointSeries<Error: Into<Cause>>,
    <C::Source as TensorSource>::Error: Into<Cause>,
    T: TokenSource<Error: Into<Cause>>,
{
    let plan = Plan::new(model, series, tokens, settings, store)?;
    let last_hash = plan.fingerprint(plan.last)?;
    let mut missing = Vec::new();
    for &step in &plan.mine {
        let hashes = plan.fingerprint(step)?.zip(last_hash.as_ref());
        let of_step: Vec<String> = match hashes {
            Some((hash, last)) => plan.missing(step, &hash, last)?,
            None => {
                let runs = plan.runs.iter().filter(|run| !plan.has_any(step, run));
                runs.map(|run| run.protocol.name.clone()).collect()
            }
        };
        if !of_step.is_empty() {
            missing.push((step, of_step));
        }
    }
    Ok(Remaining {
        steps: plan.mine.len(),
        missing,
        last: plan.last,
        rows: plan.runs.iter().map(crate::run::Run::used).collect(),
    })
}
