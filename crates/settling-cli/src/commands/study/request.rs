//! What is asked of a study, once the command line is understood.

use std::error::Error;
use std::path::{Path, PathBuf};

use indicatif::MultiProgress;
use settling::capture::Engine;
use settling::checkpoint::{Audit, StepPattern};
use settling::core::Step;
use settling::tokens::{MegatronTokens, NpyTokens};
use settling::{Protocol, Shard, TrainingData};

use crate::part::PartArgs;

/// What to study and how.
pub(super) struct Request {
    /// Where the checkpoints are.
    pub(super) place: Place,
    /// How their folders or revisions are named, if that is not `step{N}` or what is known of the
    /// suite.
    pub(super) pattern: Option<StepPattern>,
    /// Which of several models in the files.
    pub(super) part: PartArgs,
    /// The models: names of folders, or of repositories.
    pub(super) models: Vec<String>,
    /// What activations are taken on.
    pub(super) tokens: Tokens,
    /// Where results go.
    pub(super) out: PathBuf,
    /// Which steps to study, if not all.
    pub(super) steps: Option<Vec<Step>>,
    /// Whether to show nothing but warnings and errors.
    pub(super) quiet: bool,
    /// Whether to say what would be done, and no more.
    pub(super) only_plan: bool,
    /// Which share of the steps to compute.
    pub(super) shard: Shard,
    /// What an audit may find.
    pub(super) audit: Audit,
    /// The files of protocols that were named.
    pub(super) protocol_files: Vec<PathBuf>,
    /// What the models run on and in.
    pub(super) engine: Engine,
    /// In bytes.
    pub(super) reference_memory: usize,
    pub(super) protocols: Vec<Protocol>,
    /// The batches of the training, for protocols that need them.
    pub(super) training: Option<Training>,
}

impl Request {
    /// What a model is called in tables and folders: as its folder. A repository keeps its owner,
    /// for others may have one of the same name; but those of a suite that is known do not need
    /// it.
    pub(super) fn name(&self, model: &str) -> String {
        match self.place {
            Place::Folder(_) => model.to_owned(),
            #[cfg(feature = "hub")]
            Place::Hub { .. } => match model.rsplit_once('/') {
                Some((_, name)) if settling::hub::Suite::for_model(model).is_some() => {
                    name.to_owned()
                }
                _ => model.replace('/', "--"),
            },
        }
    }
}

/// Where checkpoints are.
pub(super) enum Place {
    /// A folder with one folder per model, each with one folder per checkpoint.
    Folder(PathBuf),
    /// The Hugging Face hub, or what is in its cache.
    #[cfg(feature = "hub")]
    Hub {
        /// Whether to remove weights that were downloaded when they have been studied.
        delete_after: bool,
    },
}

/// The rows that activations are taken on.
pub(super) enum Tokens {
    /// In a .npy file.
    File(PathBuf),
    /// The first of the last batch that Pythia was trained on, as the paper took them, from a data
    /// set of the hub.
    #[cfg(feature = "hub")]
    LastBatch { dataset: String },
}

/// How many rows of the last batch the paper took.
#[cfg(feature = "hub")]
const PAPER_ROWS: usize = 128;

/// How many rows a batch of Pythia has.
#[cfg(feature = "hub")]
const PYTHIA_BATCH: usize = 1024;

impl Tokens {
    #[cfg_attr(not(feature = "hub"), expect(unused_variables, reason = "nothing is fetched"))]
    pub(super) fn open(
        &self,
        out: &Path,
        bars: &MultiProgress,
    ) -> Result<NpyTokens, Box<dyn Error>> {
        match self {
            Self::File(path) => Ok(NpyTokens::open(path)?),
            #[cfg(feature = "hub")]
            Self::LastBatch { dataset } => {
                use settling::core::TokenSource as _;

                // Beside the results that depend on them, and fetched once.
                let path = out.join("tokens.npy");
                if !path.exists() {
                    let data = settling::hub::training_data(&crate::hub::from_env(bars)?, dataset)?;
                    let batches = data.rows() / PYTHIA_BATCH;
                    let first = batches.saturating_sub(1) * PYTHIA_BATCH;
                    let rows = data.read_rows(first..first + PAPER_ROWS)?;
                    settling::tokens::write_npy(&path, &rows)?;
                }
                Ok(NpyTokens::open(&path)?)
            }
        }
    }
}

/// Where the batches of a training are.
pub(super) enum Training {
    /// Rows in the order of training, in a file.
    File { rows: PathBuf, batch_rows: usize },
    /// Pythia's, in a data set of the hub.
    #[cfg(feature = "hub")]
    Hub { dataset: String },
}

impl Training {
    #[cfg_attr(not(feature = "hub"), expect(unused_variables, reason = "nothing is fetched"))]
    pub(super) fn open(&self, bars: &MultiProgress) -> Result<TrainingData, Box<dyn Error>> {
        Ok(match self {
            Self::File { rows, batch_rows } if rows.extension().is_some_and(|end| end == "bin") => {
                let tokens = MegatronTokens::open(rows)?;
                TrainingData::new(tokens, *batch_rows)?
            }
            Self::File { rows, batch_rows } => {
                TrainingData::new(NpyTokens::open(rows)?, *batch_rows)?
            }
            #[cfg(feature = "hub")]
            Self::Hub { dataset } => {
                let hub = crate::hub::from_env(bars)?;
                TrainingData::new(settling::hub::training_data(&hub, dataset)?, PYTHIA_BATCH)?
            }
        })
    }
}
