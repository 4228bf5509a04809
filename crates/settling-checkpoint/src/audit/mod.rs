//! Whether the checkpoints of a series are what their names say.

mod compare;
mod contents;
mod distance;
mod finding;
mod listing;
mod name;
mod options;
mod published_steps;
mod report;
mod sentence;
mod series;
mod settings;
mod tensors;
mod weights;

pub use finding::{ChangedSetting, Finding, FindingKind, Severity, Verdict};
pub use listing::ListedFile;
pub use name::FindingName;
pub use options::Audit;
pub use published_steps::{paper_steps, pythia_steps};
pub use report::{AuditReport, AuditedStep};
