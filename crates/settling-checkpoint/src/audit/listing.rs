//! An audit of the hashes of files, before anything is downloaded.

use std::collections::BTreeMap;

use settling_core::Step;
use settling_models::Architecture;

use super::compare::{Hashed, Part, compare, missing};
use super::finding::{Finding, FindingKind, Severity};
use super::options::Audit;
use super::report::{AuditReport, AuditedStep};
use super::settings::{changed_files, changed_settings};
use crate::error::{Error, ErrorKind};
use crate::files::is_weights_file;

/// A file of a step as a hub's listing of a revision gives it, without its content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedFile {
    /// The step of the revision.
    pub step: Step,
    /// The file's name in the revision.
    pub name: String,
    /// The hash of its content in hexadecimal: of a large file, in git LFS, the SHA-256 (64
    /// digits), of a small one git's object id (40 digits).
    pub hash: String,
}

impl Audit {
    /// Audits a series by the hashes of its files, before anything is downloaded: identical steps,
    /// single files of another step, missing steps, another `config.json`. Continuity cannot be
    /// judged so.
    ///
    /// Only `config.json` and files of weights count, by their names; others, such as a tokenizer,
    /// may be in the list. Two steps are the same if the weights that both have are, so one of them
    /// may be there in a second format.
    ///
    /// ```
    /// use settling_checkpoint::{Audit, FindingKind, ListedFile};
    /// use settling_core::Step;
    ///
    /// let file = |step, digit: &str| ListedFile {
    ///     step: Step(step),
    ///     name: "pytorch_model.bin".to_owned(),
    ///     hash: digit.repeat(64),
    /// };
    /// let files = [file(0, "a"), file(1000, "c"), file(2000, "b"), file(3000, "c")];
    /// let report = Audit::new().run_listing(files)?;
    /// let kind = FindingKind::SameAsLast { steps: vec![Step(1000)], last: Step(3000) };
    /// assert_eq!(report.findings[0].kind, kind);
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a hash is not 40 or 64 hexadecimal digits, or a file of a step is listed with two hashes.
    pub fn run_listing(
        &self,
        files: impl IntoIterator<Item = ListedFile>,
    ) -> Result<AuditReport, Error> {
        self.run_listing_with(files, |_| None)
    }

    /// The same, with the configurations themselves. `architecture` is asked for that of each step
    /// if the hashes say that there are different ones; then it is settings that are compared, as
    /// in an audit of the checkpoints.
    ///
    /// # Errors
    ///
    /// Those of [`run_listing`](Self::run_listing).
    pub fn run_listing_with(
        &self,
        files: impl IntoIterator<Item = ListedFile>,
        architecture: impl Fn(Step) -> Option<Result<Architecture, String>>,
    ) -> Result<AuditReport, Error> {
        let mut hashed: BTreeMap<Step, Hashed> = BTreeMap::new();
        let mut configs: BTreeMap<Step, String> = BTreeMap::new();
        for ListedFile { step, name, hash } in files {
            let fault = |message: String| {
                let message = format!("the listing of step {step}, file {name}: {message}");
                Err(Error::new(ErrorKind::Format, message))
            };
            let is_hash = |byte: u8| byte.is_ascii_hexdigit();
            if !matches!(hash.len(), 40 | 64) || !hash.bytes().all(is_hash) {
                let found = hash.escape_debug();
                return fault(format!("expected a hash of 40 or 64 digits, found `{found}`"));
            }
            let hash = hash.to_ascii_lowercase();
            let here = hashed.entry(step).or_default();
            if name == "config.json" {
                if configs.insert(step, hash.clone()).is_some_and(|other| other != hash) {
                    return fault("is listed twice, with two hashes".to_owned());
                }
                continue;
            }
            if !is_weights_file(&name) {
                continue;
            }
            if here.all.get(&name).is_some_and(|other| *other != hash) {
                return fault("is listed twice, with two hashes".to_owned());
            }
            let part = Part { hash: hash.clone(), file: Some(name.clone()) };
            here.telling.insert(name.clone(), part);
            here.all.insert(name, hash);
        }
        let steps: Vec<Step> = hashed.keys().copied().collect();
        let audited = hashed.iter().map(|(&step, hashed)| AuditedStep {
            parts: hashed.all.len(),
            sha256: only(&hashed.all).filter(|hash| hash.len() == 64).cloned(),
            ..AuditedStep::unread(step)
        });
        let audited = audited.collect();

        let mut findings = missing(&self.expected, &steps);
        for step in steps {
            if hashed[&step].all.is_empty() {
                hashed.remove(&step);
                let message = "no file of weights is listed".to_owned();
                let kind = FindingKind::Unreadable { step, message };
                findings.push(Finding::new(Severity::Broken, kind));
            }
        }
        findings.extend(compare(&hashed, &self.allowed));
        configs.retain(|step, _| hashed.contains_key(step));
        let changes = changed_files(&configs);
        let known = if changes.is_empty() { None } else { Some(configs.keys()) };
        let known = known.into_iter().flatten();
        let known: BTreeMap<Step, _> =
            known.filter_map(|&step| Some((step, architecture(step)?))).collect();
        findings.extend(if known.is_empty() { changes } else { changed_settings(&known) });
        Ok(AuditReport::new(audited, self.mark(findings)))
    }
}

/// The hash of the only file there is.
fn only(hashes: &BTreeMap<String, String>) -> Option<&String> {
    hashes.values().next().filter(|_| hashes.len() == 1)
}
