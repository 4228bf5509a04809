//! Whether the checkpoints of a series are what their names say.

mod compare;
mod distance;
mod finding;
mod listing;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use settling_core::{CheckpointSeries, Dtype, Step, TensorMeta, TensorSource};

use crate::Checkpoint;
use crate::hash::TensorHashes;
use compare::{Hashed, Part, compare};
use distance::Distances;

pub use finding::{Finding, FindingKind, Severity, Verdict};
pub use listing::ListedFile;
pub use report::{AuditReport, AuditedStep};

/// Checks that the checkpoints of a training run are what their names say, before numbers are
/// computed from them.
///
/// Published series have had the final weights under the names of early steps, one shard of the
/// final model among the right ones of a middle step, the same file under three names, and gaps.
/// None of this stops a study, and all of it shows in its figures as if it were a result.
///
/// ```no_run
/// use settling_checkpoint::{Audit, StepDirectories, Verdict, pythia_steps};
///
/// let series = StepDirectories::open("suite/pythia-70m-deduped")?;
/// let report = Audit::new().expect(pythia_steps()).run_on_files(&series)?;
/// println!("{report}");
/// assert!(report.verdict() < Verdict::Broken);
/// # Ok::<(), settling_checkpoint::Error>(())
/// ```
///
/// # What is compared
///
/// **Weights**: tensors of floating-point numbers, without the buffers `masked_bias` and
/// `rotary_emb.inv_freq` that GPT-NeoX files carry along. Two steps are identical if all their
/// weights are, by [`TensorHashes`]. A checkpoint that was converted to another element type is not
/// recognised as the same.
///
/// **Matrices**: weights with at least two dimensions. Only these tell whether a step is partly
/// another one: biases and the weights of norms are legitimately equal in two checkpoints, at zero,
/// at one, or because 16-bit numbers round small updates away. Matrices with one value throughout
/// are left out for the same reason, and so is what is the same in every step
/// ([`FindingKind::Constant`]).
///
/// # Continuity
///
/// For every three neighbouring steps a, b, c, the relative Frobenius distance D(x, y) is the root
/// mean square, over the matrices, of |x - y| / s with s² the mean of |a|², |b|² and |c|². The
/// detour of b is (D(a, b) + D(b, c)) / D(a, c), at least 1 by the triangle inequality:
///
/// - weights that drift in one direction: 1;
/// - a random walk: at most √2, as independent increments are orthogonal in high dimension;
/// - noise around a fixed point, the three independent and equally strong: 2;
/// - noise around a fixed point whose strength rises or falls (a learning rate that decays): at
///   most 1 + √2 = 2.41. With variances A ≥ B ≥ C it is (√(A+B) + √(B+C)) / √(A+C) ≤ √(2A/(A+C)) +
///   1 ≤ √2 + 1, as B ≤ A.
///
/// The 21 checkpoints of each of the two models of this workspace's demo have detours between 1.04
/// and 1.41, within what drift and random walk explain.
///
/// So a detour above 3 (see [`Audit::detour_limit`]) has none of these causes: going to b and back
/// again is the likeliest, as when b is a checkpoint of another time or another run. It is a
/// warning all the same ([`Severity::Suspect`]). A loss spike that training recovers from looks
/// alike, and so does a learning rate that peaks at b: equal noise before and after it and more
/// than 3.5 times their variance at b. Where wrong checkpoints are close together, the right one
/// between them may be named. And silence is no proof: the first and the last step have one
/// neighbour only; two adjacent checkpoints from the same wrong place hide each other; and where
/// neighbours are far apart, or training is slow, a checkpoint of a step not far away passes. Steps
/// that are the last one again are left out, so that they do not hide their neighbours.
///
/// # Cost
///
/// Every checkpoint is read once for its hashes and up to three times for distances
/// ([`Audit::distances`]). In memory is one tensor, or three as f32; three checkpoints are open at
/// a time.
#[derive(Clone, Debug)]
pub struct Audit {
    expected: Vec<Step>,
    allowed: BTreeSet<Step>,
    distances: bool,
    detour_limit: f64,
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// An audit that expects no particular steps, allows no identical ones, and measures distances.
    #[must_use]
    pub fn new() -> Self {
        Self { expected: Vec::new(), allowed: BTreeSet::new(), distances: true, detour_limit: 3.0 }
    }

    /// Expects these steps to be there: [`pythia_steps`], [`paper_steps`], or others.
    #[must_use]
    pub fn expect(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.expected = steps.into_iter().collect();
        self.expected.sort_unstable();
        self.expected.dedup();
        self
    }

    /// Makes it a note, and no more, if one of these steps is the same as another, wholly or
    /// partly.
    #[must_use]
    pub fn allow(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.allowed.extend(steps);
        self
    }

    /// Whether to measure distances (the default). Without, only hashes are compared, and every
    /// checkpoint is read once.
    #[must_use]
    pub fn distances(mut self, measure: bool) -> Self {
        self.distances = measure;
        self
    }

    /// The detour above which a step is a [`FindingKind::Discontinuity`]: 3 unless told.
    ///
    /// # Panics
    ///
    /// If `limit` is not at least 1: every detour is.
    #[must_use]
    pub fn detour_limit(mut self, limit: f64) -> Self {
        assert!(limit >= 1.0, "a detour limit of {limit}: expected at least 1");
        self.detour_limit = limit;
        self
    }

    /// Audits a series of any kind.
    ///
    /// What cannot be opened or read is a finding, so that one damaged file does not hide the rest.
    ///
    /// # Errors
    ///
    /// If the series cannot say which steps it has.
    pub fn run<C>(&self, series: &C) -> Result<AuditReport, C::Error>
    where
        C: CheckpointSeries,
        C::Error: fmt::Display,
        <C::Source as TensorSource>::Error: fmt::Display,
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
        C::Error: fmt::Display,
    {
        self.run_with(series, |checkpoint, tensor| {
            Some(checkpoint.file_of(tensor)?.file_name()?.to_string_lossy().into_owned())
        })
    }

    /// Audits a series of any kind, with what tells the file that a tensor of a checkpoint is in.
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
        C: CheckpointSeries,
        C::Error: fmt::Display,
        <C::Source as TensorSource>::Error: fmt::Display,
    {
        let steps = series.steps()?;
        let (mut audited, mut hashed, mut unreadable) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut tensors = BTreeMap::new();
        for &step in &steps {
            let hashes = series.open(step).map_err(|error| error.to_string()).and_then(|source| {
                let hashes = TensorHashes::of(&source).map_err(|error| error.to_string())?;
                let hashed_step = hash_step(&hashes, |name| file_of(&source, name));
                Ok((hashes, hashed_step))
            });
            let (one, found) = match hashes {
                Ok((hashes, hashed_step)) => {
                    hashed.insert(step, hashed_step);
                    tensors.insert(step, shapes(&hashes));
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
        if self.distances {
            let found = self.measure(series, &hashed, &findings);
            for triple in &found.triples {
                self.judge(triple, &mut audited, &mut findings);
            }
            unreadable.extend(found.unreadable);
            findings.extend(found.not_finite.into_iter().map(|(step, tensors)| {
                let tensors = tensors.into_iter().collect();
                Finding::new(Severity::Suspect, FindingKind::NotFinite { step, tensors })
            }));
        }
        findings.extend(unreadable.into_iter().map(|(step, message)| {
            Finding::new(Severity::Broken, FindingKind::Unreadable { step, message })
        }));
        Ok(AuditReport::new(audited.into_values().collect(), findings))
    }

    /// Distances of all steps that were read and are not the last one again.
    fn measure<C>(
        &self,
        series: &C,
        hashed: &BTreeMap<Step, Hashed>,
        findings: &[Finding],
    ) -> Distances
    where
        C: CheckpointSeries,
        C::Error: fmt::Display,
        <C::Source as TensorSource>::Error: fmt::Display,
    {
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

impl AuditedStep {
    fn hashed(step: Step, hashes: &TensorHashes) -> Self {
        Self {
            parts: hashes.tensors().len(),
            bytes: Some(hashes.bytes()),
            sha256: Some(hashes.content().to_owned()),
            ..Self::unread(step)
        }
    }

    fn unread(step: Step) -> Self {
        Self { step, parts: 0, bytes: None, sha256: None, distance: None, detour: None }
    }
}

/// The 154 steps of the Pythia models: 0, the powers of 2 up to 512, and every 1,000 up to 143,000.
///
/// ```
/// use settling_checkpoint::{paper_steps, pythia_steps};
/// use settling_core::Step;
///
/// assert_eq!((pythia_steps().len(), paper_steps().len()), (154, 27));
/// assert_eq!(pythia_steps()[10..13], [Step(512), Step(1000), Step(2000)]);
/// assert_eq!(paper_steps()[10..14], [Step(512), Step(1000), Step(3000), Step(13_000)]);
/// assert_eq!(paper_steps().last(), Some(&Step(143_000)));
/// ```
#[must_use]
pub fn pythia_steps() -> Vec<Step> {
    first_steps().chain((1..=143).map(|thousand| Step(1000 * thousand))).collect()
}

/// The 27 steps of *Tending Towards Stability*: 0, the powers of 2 up to 512, 1,000, and every
/// 10,000 from 3,000 up to 143,000.
#[must_use]
pub fn paper_steps() -> Vec<Step> {
    let late = (0..=14).map(|index| Step(3000 + 10_000 * index));
    first_steps().chain([Step(1000)]).chain(late).collect()
}

fn first_steps() -> impl Iterator<Item = Step> {
    [Step(0)].into_iter().chain((0..10).map(|power| Step(1 << power)))
}

fn is_weight(meta: &TensorMeta) -> bool {
    let buffer = ["masked_bias", "rotary_emb.inv_freq"];
    matches!(meta.dtype, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64)
        && !buffer.iter().any(|end| meta.name.ends_with(end))
}

pub(crate) fn is_matrix(meta: &TensorMeta) -> bool {
    is_weight(meta) && meta.shape.len() > 1
}

fn hash_step(hashes: &TensorHashes, file_of: impl Fn(&str) -> Option<String>) -> Hashed {
    let mut hashed = Hashed::default();
    for tensor in hashes.tensors() {
        let name = tensor.meta.name.clone();
        if is_matrix(&tensor.meta) && !tensor.uniform {
            let part = Part { hash: tensor.sha256.clone(), file: file_of(&name) };
            hashed.telling.insert(name.clone(), part);
        }
        if is_weight(&tensor.meta) {
            hashed.all.insert(name, tensor.sha256.clone());
        }
    }
    // No weights that we know of: then everything counts.
    if hashed.all.is_empty() {
        let tensors = hashes.tensors().iter();
        hashed.all = tensors.map(|one| (one.meta.name.clone(), one.sha256.clone())).collect();
    }
    hashed
}

/// The weights of a step, as they are called in findings.
fn shapes(hashes: &TensorHashes) -> BTreeSet<String> {
    let weights = hashes.tensors().iter().map(|tensor| &tensor.meta).filter(|meta| is_weight(meta));
    weights.map(|meta| format!("{} {:?}", meta.name, meta.shape)).collect()
}

fn other_tensors(tensors: &BTreeMap<Step, BTreeSet<String>>) -> Vec<Finding> {
    let Some((last, reference)) = tensors.last_key_value() else { return Vec::new() };
    let others = tensors.range(..last).filter(|(_, found)| *found != reference);
    let findings = others.map(|(&step, found)| {
        let missing = reference.difference(found).cloned().collect();
        let surplus = found.difference(reference).cloned().collect();
        Finding::new(Severity::Suspect, FindingKind::OtherTensors { step, missing, surplus })
    });
    findings.collect()
}

fn missing(expected: &[Step], there: &[Step]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if there.is_empty() {
        findings.push(Finding::new(Severity::Broken, FindingKind::Empty));
    }
    let there: BTreeSet<&Step> = there.iter().collect();
    let steps: Vec<Step> = expected.iter().filter(|&step| !there.contains(step)).copied().collect();
    if !steps.is_empty() {
        let last = steps.last() == expected.last();
        let severity = if last { Severity::Broken } else { Severity::Suspect };
        findings.push(Finding::new(severity, FindingKind::MissingSteps { steps, last }));
    }
    findings
}
