//! `records.parquet`: the columns of `records.csv` in Parquet.
//!
//! What no study needs is not written, so that little has to be believed when a file is read:
//! nothing is compressed, every row has its step in eight bytes of its own, and the whole file is
//! sealed.

pub(crate) mod read;
mod schema;
mod seal;
pub(crate) mod write;
