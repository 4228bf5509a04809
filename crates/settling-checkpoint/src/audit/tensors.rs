//! What the tensors of one step are to its own configuration, and what their values are.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Step, TensorMeta};
use settling_models::{Architecture, Inventory};

use super::contents::Contents;
use super::finding::{Finding, FindingKind, Severity};

/// Names of tensors for each step that has some.
type Names = BTreeMap<Step, Vec<String>>;

/// What was found in the steps, each by itself.
#[derive(Debug, Default)]
pub(super) struct Tensors {
    missing: Names,
    unknown: Names,
    state: Names,
    zero: Names,
    begins_at_zero: Names,
    uniform: Names,
    repeated: Names,
    not_finite: Names,
}

impl Tensors {
    /// Takes in what is known of a step: its tensors, names and types of those that cannot be read,
    /// the architecture if there is one, and what its values are.
    pub(super) fn add(
        &mut self,
        step: Step,
        tensors: &[TensorMeta],
        unread: &[(String, String)],
        architecture: Option<&Architecture>,
        mut contents: Contents,
    ) {
        if let Some(architecture) = architecture {
            let inventory = Inventory::new(tensors, architecture);
            self.hold(step, &inventory, unread);
            let of_model: BTreeSet<&str> =
                inventory.weights.iter().map(|meta| meta.name.as_str()).collect();
            contents.retain(|name| of_model.contains(name));
        }
        let [by_sort, others] = contents.zeros();
        if step == Step(0) {
            keep(&mut self.begins_at_zero, step, by_sort);
            keep(&mut self.zero, step, others);
        } else {
            keep(&mut self.zero, step, [by_sort, others].concat());
        }
        keep(&mut self.uniform, step, contents.uniform);
        let pairs = contents.repeated.into_iter().map(|[a, b]| format!("{a} = {b}"));
        keep(&mut self.repeated, step, pairs.collect());
        keep(&mut self.not_finite, step, contents.not_finite);
    }

    /// The findings about a checkpoint of which no step is known.
    pub(super) fn without_step(self) -> Vec<Finding> {
        let mut findings = self.findings();
        for finding in &mut findings {
            finding.kind.forget_steps();
        }
        findings
    }

    /// The tensors of a step against what its architecture says.
    fn hold(&mut self, step: Step, inventory: &Inventory, unread: &[(String, String)]) {
        let no_number = |meta: &&TensorMeta| !meta.dtype.is_float();
        let mut missing: Vec<String> =
            inventory.missing.iter().map(|(name, shape)| format!("no {name} {shape:?}")).collect();
        missing.extend(inventory.wrong_shape.iter().map(|wrong| {
            let (found, expected) = (&wrong.found, &wrong.expected);
            format!("{} {:?}, expected {expected:?}", found.name, found.shape)
        }));
        missing.extend(inventory.weights.iter().filter(no_number).map(|meta| {
            format!("{} in {}, expected floating-point numbers", meta.name, meta.dtype)
        }));
        keep(&mut self.missing, step, missing);

        // A mask is a square of positions; a bias of the same name is a vector.
        let is_mask = |meta: &&TensorMeta| meta.shape.len() > 1 || !meta.name.ends_with(".bias");
        let masked = inventory.buffers.iter().filter(|meta| !is_mask(meta));
        let unknown = inventory.unknown.iter().chain(masked).map(|meta| meta.name.clone());
        let is_weight = |name: &str| inventory.missing.iter().any(|(one, _)| name.ends_with(one));
        let unread = unread.iter().filter(|(name, _)| !is_weight(name));
        let unread = unread.map(|(name, dtype)| format!("{name} ({dtype})"));
        let (state, unknown): (Vec<_>, Vec<_>) =
            unknown.chain(unread).partition(|name| is_state(name));
        keep(&mut self.state, step, state);
        keep(&mut self.unknown, step, unknown);
    }

    /// The findings, steps with the same one together.
    pub(super) fn findings(self) -> Vec<Finding> {
        type Kind = fn(Vec<Step>, Vec<String>) -> FindingKind;
        let sorts: [(Severity, Names, Kind); 8] = [
            (Severity::Broken, self.missing, |steps, weights| FindingKind::MissingWeights {
                steps,
                weights,
            }),
            (Severity::Suspect, self.unknown, |steps, tensors| FindingKind::UnknownTensors {
                steps,
                tensors,
            }),
            (Severity::Note, self.state, |steps, tensors| FindingKind::UnknownTensors {
                steps,
                tensors,
            }),
            (Severity::Suspect, self.zero, |steps, tensors| FindingKind::ZeroWeights {
                steps,
                tensors,
            }),
            (Severity::Note, self.begins_at_zero, |steps, tensors| FindingKind::ZeroWeights {
                steps,
                tensors,
            }),
            (Severity::Suspect, self.uniform, |steps, tensors| FindingKind::UniformWeights {
                steps,
                tensors,
            }),
            (Severity::Suspect, self.repeated, |steps, tensors| FindingKind::RepeatedWeights {
                steps,
                tensors,
            }),
            (Severity::Suspect, self.not_finite, |steps, tensors| FindingKind::NotFinite {
                steps,
                tensors,
            }),
        ];
        let mut findings = Vec::new();
        for (severity, names, kind) in sorts {
            let mut groups: BTreeMap<Vec<String>, Vec<Step>> = BTreeMap::new();
            for (step, names) in names {
                groups.entry(names).or_default().push(step);
            }
            let of_sort = groups.into_iter();
            findings
                .extend(of_sort.map(|(names, steps)| Finding::new(severity, kind(steps, names))));
        }
        findings
    }
}

fn keep(list: &mut Names, step: Step, mut names: Vec<String>) {
    if !names.is_empty() {
        names.sort();
        list.insert(step, names);
    }
}

/// Whether a tensor is what a trainer saves of itself, by the part of the file that it is in.
fn is_state(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    let state = ["optimizer", "scheduler", "lr_scheduler", "rng_state", "random_rng_state"];
    let grad = ["scaler", "grad_scaler", "amp"];
    state.iter().any(|start| first.starts_with(start)) || grad.contains(&first)
}
