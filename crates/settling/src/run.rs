use settling_core::{Capture, Step, TensorSource};

use crate::measure::Measure;
use crate::reference::Reference;
use crate::rows::{EvaluationRows, GradientRows};
use crate::store::sha256;
use crate::{Error, ErrorKind, Protocol, Settings, Subject, TrainingData, Unit};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One protocol of a study.
pub(crate) struct Run<'a, M> {
    pub(crate) protocol: &'a Protocol,
    pub(crate) evaluation: EvaluationRows,
    pub(crate) gradients: GradientRows,
    /// The last checkpoint, once it is needed.
    pub(crate) reference: Option<Reference<M>>,
}

impl<M> Run<'_, M> {
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

    pub(crate) fn load_reference<Source, S>(
        &mut self,
        model: &str,
        subject: &S,
        source: &Source,
        memory: usize,
    ) -> Result<(), Error>
    where
        M: Capture<Error: Into<Cause>>,
        S: Subject<Source, Model = M>,
    {
        let heading = format!("{model}, last step, protocol `{}`", self.protocol.name);
        let loaded = subject
            .load(source, self.protocol)
            .map_err(|error| Error::caused(ErrorKind::Input, &heading, error))?;
        let reference = Reference::new(loaded, &self.evaluation.batch, memory)
            .map_err(|error| Error::caused(ErrorKind::Compute, &heading, error))?;
        self.reference = Some(reference);
        Ok(())
    }

    pub(crate) fn measure<Source, S>(
        &mut self,
        model: &str,
        step: Step,
        subject: &S,
        source: &Source,
        training: Option<&TrainingData>,
    ) -> Result<Unit, Error>
    where
        Source: TensorSource<Error: Into<Cause>>,
        M: Capture<Error: Into<Cause>>,
        S: Subject<Source, Model = M>,
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
        let reference = self.reference.as_mut().expect("loaded before its first unit");
        measure.unit(source, reference)
    }
}
