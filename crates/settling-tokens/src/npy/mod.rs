//! NumPy's `.npy` files: one reader for token rows and for matrices.

mod array;
mod element;
mod header;
mod matrix;
mod tokens;
mod write;

pub use matrix::NpyMatrix;
pub use tokens::NpyTokens;
pub use write::write_npy;
