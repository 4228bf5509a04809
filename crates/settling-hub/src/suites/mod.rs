//! Published suites, as data.

mod registry;

use std::sync::OnceLock;

use settling_checkpoint::StepPattern;

/// A published suite of models with checkpoints of their training: its repositories, and how they
/// name the steps.
///
/// The registry is data, in `src/suites/suites.json`. A suite that is not in it needs no entry to
/// be read, only its pattern ([`HubSeriesBuilder::pattern`](crate::HubSeriesBuilder::pattern)).
///
/// ```
/// use settling_hub::{StepNames, Suite};
///
/// let suite = Suite::for_model("EleutherAI/pythia-410m-deduped").ok_or("unknown")?;
/// assert_eq!(suite.name, "pythia-deduped");
/// let StepNames::Revisions { pattern, .. } = &suite.steps else { panic!("others") };
/// assert_eq!(pattern.to_string(), "step{N}");
/// assert!(Suite::all().len() >= 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Suite {
    /// A short name: `pythia-deduped`.
    pub name: String,
    /// Remarks, such as known faults of its checkpoints.
    pub about: String,
    /// The family of its models in transformers: `gpt_neox`, `llama`, `gpt2`, `olmo`, `olmo2`,
    /// `pico_decoder`.
    pub family: String,
    /// The repositories, smallest model first.
    pub models: Vec<String>,
    /// How the steps are named.
    pub steps: StepNames,
    /// What the models were trained on, in the order of training, if that is published in the form
    /// that [`training_data`](crate::training_data) reads.
    pub training_data: Option<String>,
}

/// How a suite names its steps.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StepNames {
    /// Branches or tags.
    Revisions {
        /// Their names.
        pattern: StepPattern,
        /// The step of `main`, if it is one that no other revision is.
        main: Option<u64>,
    },
    /// Commits of a branch, one branch per run.
    Commits {
        /// The titles of the commits.
        title: StepPattern,
        /// The branch, with `{model}` for the repository's name. A run may have a number:
        /// `pico-decoder-tiny-1` of `pico-decoder-tiny`.
        branch: String,
    },
}

impl Default for StepNames {
    /// Branches or tags `step{N}`.
    fn default() -> Self {
        Self::Revisions { pattern: StepPattern::default(), main: None }
    }
}

impl Suite {
    /// Every suite of the registry.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the registry is part of this crate and tested")]
    pub fn all() -> &'static [Self] {
        static SUITES: OnceLock<Vec<Suite>> = OnceLock::new();
        SUITES.get_or_init(|| {
            let suites = registry::parse(include_str!("suites.json"));
            suites.unwrap_or_else(|error| panic!("suites.json: {error}"))
        })
    }

    /// The suite of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|suite| suite.name == name)
    }

    /// The repository of one of its models. `name` is the name with or without its owner, or the
    /// part that tells the model from the others, such as `70m`.
    ///
    /// ```
    /// use settling_hub::Suite;
    ///
    /// let pythia = Suite::named("pythia-deduped").ok_or("unknown")?;
    /// for name in ["1b", "pythia-1b-deduped", "EleutherAI/pythia-1b-deduped"] {
    ///     assert_eq!(pythia.model(name), Some("EleutherAI/pythia-1b-deduped"));
    /// }
    /// assert_eq!(pythia.model("1"), None);
    /// // Nine seeds have this size.
    /// assert_eq!(Suite::named("polypythias").and_then(|suite| suite.model("70m")), None);
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&str> {
        let named = |model: &str| model.rsplit('/').next().unwrap_or(model).to_lowercase();
        let name = name.to_lowercase();
        let is_whole = |model: &&String| model.to_lowercase() == name || named(model) == name;
        let has_part = |model: &&String| named(model).split('-').any(|part| part == name);
        let whole = self.models.iter().find(is_whole);
        let mut parts = self.models.iter().filter(has_part);
        let only = parts.next().filter(|_| parts.next().is_none());
        whole.or(only).map(String::as_str)
    }

    /// The suite that has this repository.
    #[must_use]
    pub fn for_model(id: &str) -> Option<&'static Self> {
        Self::all().iter().find(|suite| suite.models.iter().any(|model| model == id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use settling_core::Step;

    use super::*;
    use crate::names::check_repository;

    #[test]
    fn the_registry_can_be_read_and_names_nothing_twice() {
        let mut seen = BTreeSet::new();
        for suite in Suite::all() {
            assert!(seen.insert(suite.name.clone()), "{} twice", suite.name);
            assert!(!suite.models.is_empty() && !suite.about.is_empty(), "{}", suite.name);
            for model in &suite.models {
                check_repository(model).unwrap();
                assert!(seen.insert(model.clone()), "{model} twice");
            }
        }
    }

    /// Names of revisions that were seen on the hub.
    #[test]
    fn the_patterns_match_the_names_of_the_suites() {
        for (suite, revision, step) in [
            ("pythia", "step143000", 143_000),
            ("pythia-deduped", "step512", 512),
            ("polypythias", "step0", 0),
            ("olmo", "step1000-tokens4B", 1000),
            ("olmo2", "stage1-step150-tokens1B", 150),
            ("amber", "ckpt_017", 17),
            ("smollm2", "step-160000", 160_000),
            ("mistral-small", "checkpoint-400000", 400_000),
        ] {
            let StepNames::Revisions { pattern, .. } = &Suite::named(suite).unwrap().steps else {
                panic!("{suite}")
            };
            assert_eq!(pattern.step(revision), Some(Step(step)), "{suite}");
            assert_eq!(pattern.step("main"), None, "{suite}");
        }
        let StepNames::Commits { title, .. } = &Suite::named("pico").unwrap().steps else {
            panic!("pico")
        };
        assert_eq!(title.step("Saving HF Model -- Step 4000"), Some(Step(4000)));
    }
}
