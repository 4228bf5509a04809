//! An audit of the checkpoints themselves.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{BoxError, CheckpointSeries, Step, TensorSource as _};
use settling_models::{Architecture, ModelSource};

use super::compare::{Hashed, compare, missing};
use super::contents::Contents;
use super::distance::{self, Distances};
use super::finding::{Finding, FindingKind, Severity};
use super::options::Audit;
use super::report::{AuditReport, AuditedStep};
use super::settings::changed_settings;
use super::tensors::Tensors;
use super::weights::{hash_step, other_tensors, shapes};
use crate::checkpoint::Checkpoint;
use crate::hash::TensorHashes;

impl Audit {
    /// Audits a series of models of any kind: their weights, and the configurations they are to be
    /// run by.
    ///
    /// What cannot be opened or read is a finding, so that one damaged file does not hide the rest.
    ///
    /// # Errors
    ///
    /// If the series cannot say which steps it has.
    pub fn run<C>(&self, series: &C) -> Result<AuditReport, C::Error>
    where
        C: CheckpointSeries<Source: ModelSource>,
    {
        self.run_with(series, |_, _| None)
    }

    /// Audits a series of checkpoints on disk, so that findings name files, too: of a sharded
    /// checkpoint, the shard that is another step's.
    ///
    /// # Errors
    ///
    /// If the series cannot say which steps it has.
    pub fn run_on_files<C>(&self, series: &C) -> Result<AuditReport, C::Error>
    where
        C: CheckpointSeries<Source = Checkpoint>,
    {
        let file_of = |checkpoint: &Checkpoint, tensor: &str| {
            Some(checkpoint.file_of(tensor)?.file_name()?.to_string_lossy().into_owned())
        };
        let unread = |checkpoint: &Checkpoint| {
            let owned = |(name, dtype): (&str, &str)| (name.to_owned(), dtype.to_owned());
            checkpoint.unread().map(owned).collect()
        };
        self.look(series, file_of, unread, |source| Some(described(source)))
    }

    /// Audits a series of models of any kind, with what tells the file that a tensor of a
    /// checkpoint is in.
    ///
    /// # Errors
    ///
    /// If the series cannot say which steps it has.
    pub fn run_with<C>(
        &self,
        series: &C,
        file_of: impl Fn(&C::Source, &str) -> Option<String>,
    ) -> Result<AuditReport, C::Error>
    where
        C: CheckpointSeries<Source: ModelSource>,
    {
        self.look(series, file_of, |_| Vec::new(), |source| Some(described(source)))
    }

    /// Audits a series of tensors that are no models, or of models that do not know their
    /// configuration: weights alone.
    ///
    /// # Errors
    ///
    /// If the series cannot say which steps it has.
    pub fn run_on_tensors<C: CheckpointSeries>(&self, series: &C) -> Result<AuditReport, C::Error> {
        self.look(series, |_, _| None, |_| Vec::new(), |_| None)
    }

    /// What is to be found of one checkpoint alone, at this step or at none that is known: its
    /// tensors against its own configuration, and the values of its weights. It is read once.
    ///
    /// ```no_run
    /// use settling_checkpoint::{Audit, Checkpoint};
    ///
    /// let checkpoint = Checkpoint::open("model")?;
    /// for finding in Audit::new().run_on_one(None, &checkpoint)? {
    ///     println!("{finding}");
    /// }
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a tensor cannot be read. A configuration that is not understood is no error: nothing is
    /// held to it then.
    pub fn run_on_one<S: ModelSource>(
        &self,
        step: Option<Step>,
        source: &S,
    ) -> Result<Vec<Finding>, S::Error> {
        let (mut contents, mut tensors) = (Contents::default(), Tensors::default());
        TensorHashes::with(source, |meta, data| contents.look(meta, data))?;
        contents.compare(source)?;
        let architecture = source.architecture().ok();
        // Step 0 may begin with zeros.
        let place = step.unwrap_or(Step(u64::MAX));
        tensors.add(place, source.tensors(), &[], architecture.as_ref(), contents);
        Ok(self.mark(if step.is_some() { tensors.findings() } else { tensors.without_step() }))
    }

    fn look<C: CheckpointSeries>(
        &self,
        series: &C,
        file_of: impl Fn(&C::Source, &str) -> Option<String>,
        unread: impl Fn(&C::Source) -> Vec<(String, String)>,
        architecture: impl Fn(&C::Source) -> Option<Result<Architecture, String>>,
    ) -> Result<AuditReport, C::Error> {
        let steps = series.steps()?;
        let (mut audited, mut hashed, mut unreadable) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut tensors, mut architectures) = (BTreeMap::new(), BTreeMap::new());
        let mut each = Tensors::default();
        for &step in &steps {
            let hashes = series.open(step).map_err(text).and_then(|source| {
                architectures.extend(architecture(&source).map(|found| (step, found)));
                let mut contents = Contents::default();
                let hashes = TensorHashes::with(&source, |meta, data| contents.look(meta, data));
                let hashes = hashes.map_err(text)?;
                contents.compare(&source).map_err(text)?;
                let known = architectures.get(&step).and_then(|found| found.as_ref().ok());
                each.add(step, source.tensors(), &unread(&source), known, contents);
                let hashed_step = hash_step(&hashes, |name| file_of(&source, name));
                Ok((hashes, hashed_step))
            });
            let (one, found) = match hashes {
                Ok((hashes, hashed_step)) => {
                    hashed.insert(step, hashed_step);
                    // What a configuration says of tensors is better than another step.
                    if !architectures.get(&step).is_some_and(Result::is_ok) {
                        tensors.insert(step, shapes(&hashes));
                    }
                    (AuditedStep::hashed(step, &hashes), None)
                }
                Err(message) => (AuditedStep::unread(step), Some(message)),
            };
            unreadable.extend(found.map(|message| (step, message)));
            audited.insert(step, one);
        }

        let mut findings = missing(&self.expected, &steps);
        findings.extend(compare(&hashed, &self.allowed));
        findings.extend(other_tensors(&tensors));
        findings.extend(each.findings());
        findings.extend(changed_settings(&architectures));
        if self.distances {
            let found = self.measure(series, &hashed, &findings);
            for triple in &found.triples {
                self.judge(triple, &mut audited, &mut findings);
            }
            unreadable.extend(found.unreadable);
        }
        findings.extend(unreadable.into_iter().map(|(step, message)| {
            Finding::new(Severity::Broken, FindingKind::Unreadable { step, message })
        }));
        Ok(AuditReport::new(audited.into_values().collect(), self.mark(findings)))
    }

    /// Distances of all steps that were read and are not the last one again.
    fn measure<C: CheckpointSeries>(
        &self,
        series: &C,
        hashed: &BTreeMap<Step, Hashed>,
        findings: &[Finding],
    ) -> Distances {
        let again: BTreeSet<Step> = findings
            .iter()
            .filter(|finding| matches!(finding.kind, FindingKind::SameAsLast { .. }))
            .flat_map(|finding| finding.kind.steps())
            .collect();
        let steps: Vec<Step> =
            hashed.keys().copied().filter(|step| !again.contains(step)).collect();
        distance::measure(series, &steps, self.detour_limit)
    }

    fn judge(
        &self,
        triple: &distance::Triple,
        audited: &mut BTreeMap<Step, AuditedStep>,
        findings: &mut Vec<Finding>,
    ) {
        let [a, b, c] = triple.steps;
        if let Some(middle) = audited.get_mut(&b) {
            middle.distance = Some(triple.distances[0]);
            middle.detour = triple.detour();
        }
        // Overwritten by the next triple but at the end, where there is none.
        if let Some(next) = audited.get_mut(&c) {
            next.distance = Some(triple.distances[1]);
        }
        if triple.detour().is_some_and(|detour| detour > self.detour_limit) {
            let kind = FindingKind::Discontinuity {
                step: b,
                between: [a, c],
                distances: triple.distances,
                tensors: triple.exceeding,
                of: triple.matrices,
            };
            findings.push(Finding::new(Severity::Suspect, kind));
        }
    }
}

fn described<S: ModelSource>(source: &S) -> Result<Architecture, String> {
    source.architecture().map_err(|error| error.to_string())
}

fn text(error: impl Into<BoxError>) -> String {
    error.into().to_string()
}
