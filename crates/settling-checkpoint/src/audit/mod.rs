//! Whether the checkpoints of a series are what their names say.

mod compare;
mod contents;
mod distance;
mod finding;
mod listing;
mod options;
mod published_steps;
mod report;
mod series;
mod settings;
mod tensors;
mod weights;

pub use finding::{ChangedSetting, Finding, FindingKind, FindingName, Severity, Verdict};
pub use listing::ListedFile;
pub use options::Audit;
pub use published_steps::{paper_steps, pythia_steps};
pub use report::{AuditReport, AuditedStep};
