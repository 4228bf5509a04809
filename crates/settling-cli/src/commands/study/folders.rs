//! What the command line means in a build without the Hugging Face hub.

use super::args::Args;
use super::request::{Place, Tokens, Training};
use crate::commands::missing::NO_HUB;
use crate::exit::Failure;

impl Args {
    pub(super) fn training(&self) -> Option<Training> {
        self.training_file()
    }

    pub(super) fn place(&self) -> Result<Place, Failure> {
        match &self.suite {
            Some(folder) if !self.delete_after && self.training_data.is_none() => {
                Ok(Place::Folder(folder.into()))
            }
            _ => Err(Failure::usage(NO_HUB)),
        }
    }

    /// The models by the names of their folders.
    #[expect(clippy::unnecessary_wraps, reason = "as in a build with the hub")]
    pub(super) fn models(&self) -> Result<Vec<String>, Failure> {
        Ok(self.models.clone())
    }

    pub(super) fn tokens(&self) -> Result<Tokens, Failure> {
        let file = self.tokens.clone().map(Tokens::File);
        file.ok_or_else(|| Failure::usage(format!("--tokens is missing, and {NO_HUB}")))
    }
}
