//! What the tensors of a file are to an architecture.

mod canonical_names;
mod inventory;

pub use canonical_names::CanonicalNames;
pub use inventory::{Inventory, WrongShape};
