//! The effective rank of a matrix in a `Vec`, how far to trust it, and what noise of the same shape
//! has.
//!
//! Run: cargo run -p settling-rank --example rank_of_a_matrix

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_rank::{MatView, effective_rank, marchenko_pastur_per, spectrum};

fn main() -> Result<(), settling_rank::Error> {
    // Any matrix, row after row; here 3 x 4, of rank 2.
    let values: Vec<f32> = vec![1.0, 2.0, 0.0, 1.0, 0.0, 1.0, 3.0, 0.0, 1.0, 3.0, 3.0, 1.0];
    let found = spectrum(MatView::new(&values, 3, 4))?;
    let rank = effective_rank(found.spectrum())?;
    println!("singular values {:.4?}, by {}", found.spectrum().values(), found.method());
    println!("effective rank {rank:.6}, certain to {:.0e} of it", found.effective_rank_error()?);
    println!("PER {:.3}; a random matrix has {:.3}", rank / 3.0, marchenko_pastur_per(3, 4));
    Ok(())
}
