//! What an audit is to look for.

use std::collections::BTreeSet;

use settling_core::Step;

use super::finding::Finding;
use super::name::FindingName;

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
/// weights are, by [`TensorHashes`](crate::TensorHashes). A checkpoint that was converted to
/// another element type is not recognized as the same.
///
/// **Matrices**: weights with at least two dimensions. Only these tell whether a step is partly
/// another one: biases and the weights of norms are legitimately equal in two checkpoints, at zero,
/// at one, or because 16-bit numbers round small updates away. Matrices with one value throughout
/// are left out for the same reason, and so is what is the same in every step
/// ([`FindingKind::Constant`](crate::FindingKind::Constant)).
///
/// **Configurations**: the settings on which the forward pass depends, as each step's own
/// `config.json` gives them. The same weights under another base of the rotary frequencies are
/// another model. Each change from a step to the next is a finding
/// ([`FindingKind::ChangedSettings`](crate::FindingKind::ChangedSettings)).
///
/// **Tensors and values**, of a step alone, where its `config.json` is understood: weights that it
/// lacks, and tensors that the model does not have, which would be left out without a word
/// ([`FindingKind::UnknownTensors`](crate::FindingKind::UnknownTensors)). Of every step: weights of
/// zeros, of one value, of another layer, or that are not finite. Values are looked at in the pass
/// that hashes them.
///
/// # What is allowed
///
/// A finding that is worse than a note [refuses](Finding::refuses) the series: somebody should look
/// before numbers are computed. Whoever has looked names it ([`Audit::allow_findings`]); it stays
/// in the report as what it is, marked as allowed. Identical steps can be allowed one by one, too
/// ([`Audit::allow`]), which makes a note of them.
///
/// # Continuity
///
/// For every three neighboring steps a, b, c, the relative Frobenius distance D(x, y) is the root
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
/// So a detour above 3 (see [`Audit::detour_limit`]) has none of these causes. The likeliest is
/// that the way goes to b and back again, as when b is a checkpoint of another time or another run.
/// It is a warning all the same ([`Severity::Suspect`](crate::Severity::Suspect)). A loss spike
/// that training recovers from looks alike, and so does a learning rate that peaks at b: equal
/// noise before and after it, and more than 3.5 times their variance at b. Where wrong checkpoints
/// are close together, the right one between them may be named.
///
/// Silence is no proof. The first and the last step have one neighbor only. Two adjacent
/// checkpoints from the same wrong place hide each other. Where neighbors are far apart, or
/// training is slow, a checkpoint of a step not far away passes. Steps that are the last one again
/// are left out, so that they do not hide their neighbors.
///
/// # Cost
///
/// Every checkpoint is read once for its hashes and up to three times for distances
/// ([`Audit::distances`]). In memory is one tensor, or three as f32; three checkpoints are open at
/// a time.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(super) expected: Vec<Step>,
    pub(super) allowed: BTreeSet<Step>,
    pub(super) allowed_findings: BTreeSet<FindingName>,
    pub(super) distances: bool,
    pub(super) detour_limit: f64,
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
        Self {
            expected: Vec::new(),
            allowed: BTreeSet::new(),
            allowed_findings: BTreeSet::new(),
            distances: true,
            detour_limit: 3.0,
        }
    }

    /// Expects these steps to be there: [`pythia_steps`](crate::pythia_steps),
    /// [`paper_steps`](crate::paper_steps), or others.
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

    /// Allows findings of these sorts, at any step: they are reported with their severity, and do
    /// not [refuse](Finding::refuses) the series.
    ///
    /// ```
    /// use settling_checkpoint::{Audit, AuditReport, ListedFile};
    /// use settling_core::Step;
    ///
    /// let file = |step| ListedFile {
    ///     step: Step(step),
    ///     name: "model.safetensors".to_owned(),
    ///     hash: "a".repeat(64),
    /// };
    /// let audit = |audit: Audit| audit.run_listing([file(5), file(9)]);
    /// assert_eq!(audit(Audit::new())?.refusals().count(), 1);
    /// let allowed = audit(Audit::new().allow_findings(["same-as-last".parse()?]))?;
    /// assert_eq!((allowed.refusals().count(), allowed.findings[0].allowed), (0, true));
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    #[must_use]
    pub fn allow_findings(mut self, names: impl IntoIterator<Item = FindingName>) -> Self {
        self.allowed_findings.extend(names);
        self
    }

    /// The same findings, those marked that are allowed by their names.
    pub(super) fn mark(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        for finding in &mut findings {
            finding.allowed = self.allowed_findings.contains(&finding.kind.name());
        }
        findings
    }

    /// Whether to measure distances (the default). Without, only hashes are compared, and every
    /// checkpoint is read once.
    #[must_use]
    pub fn distances(mut self, measure: bool) -> Self {
        self.distances = measure;
        self
    }

    /// The detour above which a step is a
    /// [`FindingKind::Discontinuity`](crate::FindingKind::Discontinuity): 3 unless told.
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
}
