//! A study: protocols, an output folder, and which part of the work this process does.

use std::sync::Arc;

use settling_core::Step;

use crate::error::{Error, ErrorKind};
use crate::protocol::Protocol;
use crate::shard::Shard;
use crate::store::Store;
use crate::training::TrainingData;

/// What is measured of the checkpoints of one or several models, and where the results go.
///
/// [`plan`](Self::plan) says what is to be done of a model, [`Plan::run`](crate::Plan::run) does
/// it, and [`write_tables`](Self::write_tables) writes the tables of all models.
///
/// ```no_run
/// # #[cfg(feature = "capture")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use settling::{Protocol, Store, Study, TransformerAdapter};
/// use settling::{capture::Engine, checkpoint::StepDirectories, tokens::NpyTokens};
///
/// let study = Study::new(Store::open("out")?, [Protocol::corrected()])?;
/// let series = StepDirectories::open("suite/pythia-70m")?;
/// let rows = NpyTokens::open("rows.npy")?;
/// let adapter = TransformerAdapter::new(Engine::default());
/// let plan = study.plan("pythia-70m", &series, &adapter, Some(&rows))?;
/// println!("{} of {} steps are to be computed", plan.missing().len(), plan.steps().len());
/// let observed = plan.run(&mut |_| {})?;
/// study.write_tables(&[observed])?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "capture"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Study {
    pub(crate) store: Store,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) training: Option<Arc<TrainingData>>,
    pub(crate) steps: Option<Vec<Step>>,
    pub(crate) shard: Shard,
    pub(crate) reference_memory: usize,
}

/// 4 GiB.
const REFERENCE_MEMORY: usize = 4 << 30;

impl Study {
    /// A study of every step of its models, under `protocols`. With several protocols, each
    /// checkpoint is opened only once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if there is no protocol, one is not [valid](Protocol::validate), or
    /// two have one name.
    pub fn new(store: Store, protocols: impl IntoIterator<Item = Protocol>) -> Result<Self, Error> {
        let protocols: Vec<Protocol> = protocols.into_iter().collect();
        check(&protocols)?;
        Ok(Self {
            store,
            protocols,
            training: None,
            steps: None,
            shard: Shard::All,
            reference_memory: REFERENCE_MEMORY,
        })
    }

    /// Adds the batches of the training, for protocols that take gradients on them.
    #[must_use]
    pub fn with_training(self, training: impl Into<Arc<TrainingData>>) -> Self {
        Self { training: Some(training.into()), ..self }
    }

    /// Studies these steps only, and the last step of a series, which is the reference.
    #[must_use]
    pub fn with_steps(self, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Some(steps.into_iter().collect()), ..self }
    }

    /// Computes a share of the steps only. What other processes have computed is taken from the
    /// output folder at the end, and what is not there yet is
    /// [missing](crate::ModelStudy::missing).
    #[must_use]
    pub fn with_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Lets the activations of the last checkpoint take this much memory, in bytes, for each
    /// protocol; 4 GiB unless told otherwise. If they take more, that checkpoint is run beside
    /// every other instead, which takes twice the time and the memory of two models, and changes no
    /// number.
    #[must_use]
    pub fn with_reference_memory(self, bytes: usize) -> Self {
        Self { reference_memory: bytes, ..self }
    }

    /// The protocols.
    #[must_use]
    pub fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// The output folder.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The share of the steps that this process computes.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

fn check(protocols: &[Protocol]) -> Result<(), Error> {
    if protocols.is_empty() {
        let message = "no protocol was asked for: expected at least one";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    for (index, protocol) in protocols.iter().enumerate() {
        protocol.validate()?;
        if protocols[..index].iter().any(|other| other.name == protocol.name) {
            let message =
                format!("two protocols are named `{}`: expected names of their own", protocol.name);
            return Err(Error::new(ErrorKind::Usage, message));
        }
    }
    Ok(())
}
