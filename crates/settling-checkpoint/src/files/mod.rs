//! Where the files of a checkpoint lie, and what kind of file one is.

mod folder;
mod other_checkpoint;
mod other_format;
mod source;
mod weights_file;

pub(crate) use folder::Folder;
pub(crate) use other_checkpoint::other_checkpoint;
pub(crate) use other_format::other_format;
pub(crate) use source::Source;
pub(crate) use weights_file::is_weights_file;
