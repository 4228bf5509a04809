use std::collections::BTreeMap;

use settling_core::Step;

use super::compare::{Hashed, Part, compare};
use super::finding::{Finding, FindingKind, Severity};
use super::{Audit, AuditReport, AuditedStep, missing};
use crate::error::{Error, ErrorKind};
use crate::weights_file::is_weights_file;

/// A file of a step as a hub's listing of a revision gives it, without its content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedFile {
    /// The step of the revision.
    pub step: Step,
    /// The file's name in the revision.
    pub name: String,
    /// The SHA-256 of its content: 64 hexadecimal digits. For a file in git LFS it is the object's
    /// id.
    pub sha256: String,
}

impl Audit {
    /// Audits a series by the hashes of its files, before anything is downloaded: identical steps,
    /// single files of another step, missing steps. Continuity cannot be judged so.
    ///
    /// Only files of weights count, by their names; what is the same in every revision, such as a
    /// tokenizer, may be in the list. Two steps are the same if the files that both have are, so
    /// one of them may be there in a second format.
    ///
    /// ```
    /// use settling_checkpoint::{Audit, FindingKind, ListedFile};
    /// use settling_core::Step;
    ///
    /// let file = |step, digit: &str| ListedFile {
    ///     step: Step(step),
    ///     name: "pytorch_model.bin".to_owned(),
    ///     sha256: digit.repeat(64),
    /// };
    /// let report = Audit::new().run_listing([file(0, "a"), file(1000, "c"), file(2000, "b"), file(3000, "c")])?;
    /// let kind = FindingKind::SameAsLast { steps: vec![Step(1000)], last: Step(3000) };
    /// assert_eq!(report.findings[0].kind, kind);
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a hash is not 64 hexadecimal digits, or a file of a step is listed with two hashes.
    pub fn run_listing(
        &self,
        files: impl IntoIterator<Item = ListedFile>,
    ) -> Result<AuditReport, Error> {
        let mut hashed: BTreeMap<Step, Hashed> = BTreeMap::new();
        for ListedFile { step, name, sha256 } in files {
            let fault = |message: String| {
                let message = format!("the listing of step {step}, file {name}: {message}");
                Err(Error::new(ErrorKind::Format, message))
            };
            if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let found = sha256.escape_debug();
                return fault(format!("expected a SHA-256 of 64 digits, found `{found}`"));
            }
            let here = hashed.entry(step).or_default();
            if !is_weights_file(&name) {
                continue;
            }
            let hash = sha256.to_ascii_lowercase();
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
            sha256: (hashed.all.len() == 1).then(|| hashed.all.values().next().cloned()).flatten(),
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
        Ok(AuditReport::new(audited, findings))
    }
}
