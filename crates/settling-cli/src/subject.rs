//! A local model and token rows, as the command line names them.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use settling::capture::Options;
use settling::checkpoint::{Checkpoint, FindingName, StepDirectories, content_hash};
use settling::core::{CheckpointSeries, Step, TokenBatch, TokenSource};
use settling::tokens::{MegatronTokens, NpyTokens, Tokenizer, read_text_files};

use crate::allow;
use crate::engine::EngineArgs;
use crate::exit::Failure;
use crate::part::PartArgs;
use crate::places::Inputs;

/// Which model, on which tokens, run how.
#[derive(Args)]
pub(crate) struct Subject {
    /// Folder with config.json and weights in safetensors or PyTorch's .bin
    model: PathBuf,
    /// The folder has a folder `step<N>` for each checkpoint: take this one
    #[arg(long)]
    step: Option<Step>,
    #[command(flatten)]
    part: PartArgs,
    /// Token rows: .npy, or Megatron's .bin with its .idx beside it; T or T+1 tokens per row (the
    /// last of T+1 is a target only)
    #[arg(long, required_unless_present = "text", conflicts_with = "text")]
    tokens: Option<PathBuf>,
    /// Text in UTF-8 instead: tokenised without special tokens and cut into rows; a last partial
    /// row is left out
    #[arg(long)]
    text: Option<PathBuf>,
    /// The tokenizer of the text [default: tokenizer.json beside the weights]
    #[arg(long, requires = "text")]
    tokenizer: Option<PathBuf>,
    /// Tokens per row of the text [default: the context of the model; all of a text that is
    /// shorter]
    #[arg(long, requires = "text")]
    width: Option<usize>,
    /// How many token rows to use, from the first on [default: all]
    #[arg(long)]
    sequences: Option<usize>,
    /// What may be: unknown-tensors, for a file with tensors that the model of config.json does not
    /// have and that are left out
    #[arg(long, value_delimiter = ',')]
    allow: Vec<FindingName>,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Subject {
    /// The checkpoint, which is all in its file.
    pub(crate) fn open(&self) -> Result<Checkpoint, Box<dyn Error>> {
        let checkpoint = self.part.of(match self.step {
            None => Checkpoint::open(&self.model)?,
            Some(step) => StepDirectories::open(&self.model)?.open(step)?,
        })?;
        allow::check_one(&checkpoint, &self.allow)?;
        Ok(checkpoint)
    }

    /// What is read: the checkpoint, the other steps beside it, and the rows.
    pub(crate) fn inputs(&self, checkpoint: &Checkpoint) -> Inputs {
        let mut inputs = Inputs::new().checkpoint(checkpoint);
        if self.step.is_some() {
            inputs = inputs.checkpoints_below(&self.model);
        }
        inputs.files(&self.tokens).files(&self.text).files(&self.tokenizer)
    }

    /// Options with this engine; the rest is for each command to choose.
    pub(crate) fn options(&self) -> Options {
        Options { engine: self.engine.engine(), ..Options::default() }
    }

    /// The token rows for a model of this context.
    pub(crate) fn rows(
        &self,
        checkpoint: &Checkpoint,
        context: usize,
    ) -> Result<TokenBatch, Box<dyn Error>> {
        let batch = match (&self.tokens, &self.text) {
            (Some(path), _) => return rows_of_file(path, self.sequences),
            (None, Some(text)) => {
                let beside = checkpoint.folder().join("tokenizer.json");
                let tokenizer = Tokenizer::from_file(self.tokenizer.as_ref().unwrap_or(&beside))?;
                let text = read_text_files(&[text])?.remove(0).text;
                rows_of_ids(tokenizer.encode(&text)?, self.width.unwrap_or(context))?
            }
            (None, None) => unreachable!("clap asks for one of the two"),
        };
        let rows = wanted(self.sequences, batch.rows())?;
        Ok(TokenBatch::new(batch.ids()[..rows * batch.width()].to_vec(), batch.width())?)
    }

    /// What every number depends on besides the positions and sites, for the head of a file.
    pub(crate) fn definitions(
        &self,
        checkpoint: &Checkpoint,
        batch: &TokenBatch,
    ) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
        let source = self.tokens.as_ref().or(self.text.as_ref());
        let engine = self.engine.engine();
        Ok(vec![
            ("model", checkpoint.folder().display().to_string()),
            ("model_sha256", content_hash(checkpoint)?),
            ("tokens", source.map(|path| path.display().to_string()).unwrap_or_default()),
            ("sequences", batch.rows().to_string()),
            ("tokens_per_sequence", batch.width().to_string()),
            ("precision", engine.precision.to_string()),
            ("engine", engine.to_string()),
            ("allowed", self.allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        ])
    }
}

fn rows_of_file(path: &Path, sequences: Option<usize>) -> Result<TokenBatch, Box<dyn Error>> {
    let source: Box<dyn TokenSource<Error = settling::tokens::Error>> =
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => Box::new(NpyTokens::open(path)?),
            Some("bin") => Box::new(MegatronTokens::open(path)?),
            _ => {
                let message =
                    format!("{}: expected token rows in .npy or .bin with .idx", path.display());
                return Err(Failure::usage(message).into());
            }
        };
    let rows = wanted(sequences, source.rows())?;
    Ok(source.read_rows(0..rows)?)
}

/// How many of `available` rows to take.
fn wanted(sequences: Option<usize>, available: usize) -> Result<usize, Failure> {
    match sequences.unwrap_or(available) {
        rows if (1..=available).contains(&rows) => Ok(rows),
        rows => {
            let message = format!(
                "{rows} sequences were asked for; there are {available}, and one at least is needed"
            );
            Err(Failure::usage(message))
        }
    }
}

/// Rows of `width` tokens, or one of all tokens where they are fewer.
fn rows_of_ids(mut ids: Vec<u32>, width: usize) -> Result<TokenBatch, Failure> {
    let width = width.min(ids.len());
    ids.truncate(ids.len() - ids.len().checked_rem(width).unwrap_or(0));
    TokenBatch::new(ids, width)
        .map_err(|_| Failure::input("expected text and rows of at least one token, found none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn text_is_cut_into_whole_rows() {
        let rows = |count: u32, width| {
            let batch = rows_of_ids((0..count).collect(), width).unwrap();
            (batch.rows(), batch.width(), batch.ids().len())
        };
        assert_eq!(rows(10, 4), (2, 4, 8));
        assert_eq!(rows(8, 4), (2, 4, 8));
        assert_eq!(rows(3, 4), (1, 3, 3));
        assert!(rows_of_ids(Vec::new(), 4).is_err());
        assert!(rows_of_ids(vec![1, 2], 0).is_err());
    }

    #[test]
    fn as_many_rows_as_are_asked_for() {
        assert_eq!(wanted(None, 5).unwrap(), 5);
        assert_eq!(wanted(Some(5), 5).unwrap(), 5);
        let error = wanted(Some(6), 5).unwrap_err();
        assert!(error.message.contains('6') && error.message.contains('5'), "{error}");
        assert_eq!(wanted(Some(0), 5).unwrap_err().exit, Exit::Usage);
    }
}
