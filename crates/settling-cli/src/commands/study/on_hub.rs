//! What the command line means in a build with the Hugging Face hub.

use settling::hub::Suite;
use settling::{GradientBatches, Protocol};

use super::args::Args;
use super::request::{Place, Tokens, Training};
use crate::exit::Failure;

impl Args {
    /// The suite of the hub that is meant, if one is.
    fn known_suite(&self) -> Option<&'static Suite> {
        self.suite.as_deref().and_then(Suite::named)
    }

    /// What the models were trained on, of a suite that is known by its name.
    fn training_data(&self) -> Option<String> {
        let of_suite = || self.known_suite()?.training_data.clone();
        self.training_data.clone().or_else(of_suite)
    }

    pub(super) fn training(&self) -> Option<Training> {
        if let Some(file) = self.training_file() {
            return Some(file);
        }
        // Looked up only if it is needed.
        let takes = |protocol: &Protocol| protocol.gradients.batches != GradientBatches::Evaluation;
        let needed = self.training_data.is_some() || self.protocols().iter().any(takes);
        let dataset = self.training_data().filter(|_| needed)?;
        Some(Training::Hub { dataset })
    }

    pub(super) fn place(&self) -> Result<Place, Failure> {
        let place = match (&self.suite, self.known_suite()) {
            (Some(folder), None) => Place::Folder(folder.into()),
            _ => Place::Hub { delete_after: self.delete_after },
        };
        let on_hub = self.delete_after || self.training_data.is_some();
        if on_hub && matches!(place, Place::Folder(_)) {
            let known = Suite::all().iter().map(|suite| suite.name.as_str());
            return Err(Failure::usage(format!(
                "--delete-after and --training-data are for suites of the hub, and `{}` is none of them ({}): expected such a \
                 name, or --hub",
                self.suite.as_deref().unwrap_or_default(),
                known.collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(place)
    }

    /// The models by the names of their folders or repositories.
    pub(super) fn models(&self) -> Result<Vec<String>, Failure> {
        let Some(suite) = self.known_suite() else { return Ok(self.models.clone()) };
        let model = |name: &String| {
            suite.model(name).map(str::to_owned).ok_or_else(|| {
                Failure::usage(format!(
                    "no model of {} is told by `{name}`; it has {}",
                    suite.name,
                    suite.models.join(", ")
                ))
            })
        };
        self.models.iter().map(model).collect()
    }

    pub(super) fn tokens(&self) -> Result<Tokens, Failure> {
        match (&self.tokens, self.training_data()) {
            (Some(file), _) => Ok(Tokens::File(file.clone())),
            (None, Some(dataset)) => Ok(Tokens::LastBatch { dataset }),
            (None, None) => Err(Failure::usage(
                "--tokens is missing: only of Pythia (--suite pythia-deduped, or --training-data) is it known what the models \
                 were trained on",
            )),
        }
    }
}
