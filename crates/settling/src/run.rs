use settling_core::{Capture, Step, TensorSource, TokenSource};

use crate::measure::Measure;
use crate::reference::Reference;
use crate::rows::{EvaluationRows, GradientRows};
use crate::store::sha256;
use crate::{Error, ErrorKind, Protocol, RowsUsed, Settings, Subject, TrainingData, Unit};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One protocol of a study, on its rows.
pub(crate) struct Run<'a> {
    pub(crate) protocol: &'a Protocol,
    evaluation: EvaluationRows,
    gradients: GradientRows,
}

impl<'a> Run<'a> {
    pub(crate) fn new<T>(
        protocol: &'a Protocol,
        tokens: &T,
        steps: &[Step],
        training: Option<&TrainingData>,
    ) -> Result<Self, Error>
    where
        T: TokenSource<Error: Into<Cause>>,
    {
        let evaluation = EvaluationRows::read(tokens, protocol)?;
        let gradients = GradientRows::plan(protocol, steps, &evaluation.batch, training)?;
        Ok(Self { protocol, evaluation, gradients })
    }

    /// The evaluation rows.
    pub(crate) fn used(&self) -> RowsUsed {
        self.evaluation.used(&self.protocol.name)
    }

    /// Hash of everything that determines a unit.
    pub(crate) fn key(
        &self,
        step: Step,
        settings: &Settings,
        model: &str,
        [checkpoint, reference]: [&str; 2],
    ) -> Result<String, Error> {
        let key = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model,
            "step": step.0,
            "protocol": self.protocol.measured(),
            "engine": settings.engine,
            "checkpoint": checkpoint,
            "reference": reference,
            "tokens": self.evaluation.sha256,
            "gradients": self.gradients.sha256(step),
        });
        let key = serde_json::to_vec(&key)
            .map_err(|error| Error::caused(ErrorKind::Usage, "settings", error))?;
        Ok(sha256(&key))
    }

    /// The last checkpoint, for this protocol to compare with.
    pub(crate) fn reference<Source, S>(
        &self,
        model: &str,
        subject: &S,
        source: &Source,
        memory: usize,
    ) -> Result<Reference<S::Model>, Error>
    where
        S: Subject<Source, Model: Capture<Error: Into<Cause>>>,
    {
        let heading = format!("{model}, last step, protocol `{}`", self.protocol.name);
        let loaded = subject
            .load(source, self.protocol)
            .map_err(|error| Error::caused(ErrorKind::Input, &heading, error))?;
        Reference::new(loaded, &self.evaluation.batch, memory)
            .map_err(|error| Error::caused(ErrorKind::Compute, &heading, error))
    }

    pub(crate) fn measure<Source, S>(
        &self,
        model: &str,
        step: Step,
        subject: &S,
        source: &Source,
        reference: &mut Reference<S::Model>,
        training: Option<&TrainingData>,
    ) -> Result<Unit, Error>
    where
        Source: TensorSource<Error: Into<Cause>>,
        S: Subject<Source, Model: Capture<Error: Into<Cause>>>,
    {
        let measure = Measure {
            model,
            step,
            protocol: self.protocol,
            subject,
            batch: &self.evaluation.batch,
            gradient_batches: &self.gradients.read(step, &self.evaluation.batch, training)?,
            head_dim: subject.head_dim(),
            heading: &format!("{model}, step {step}, protocol `{}`", self.protocol.name),
        };
        measure.unit(source, reference)
    }
}
