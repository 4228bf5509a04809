//! How similar two sets of features of the same rows are: CKA, why the biased one is not enough,
//! and whether it could be chance.
//!
//! Needs: nothing.
//! Run:   cargo run -p settling-cka --example compare_matrices
//! Gives: each number with what it means.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_cka::{MatView, Resampling, linear_cka, permutation_null};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Sixteen rows: four features, and six others of which the first two are made from them.
    let (rows, x_cols, y_cols) = (16, 4, 6);
    let x: Vec<f64> = (0..rows * x_cols).map(noise).collect();
    let mut y: Vec<f64> = (0..rows * y_cols).map(|place| noise(place + 1000)).collect();
    for row in 0..rows {
        y[row * y_cols] = 3.0 * x[row * x_cols];
        y[row * y_cols + 1] = x[row * x_cols + 1] - x[row * x_cols + 2];
    }
    let (x, y) = (MatView::new(&x, rows, x_cols), MatView::new(&y, rows, y_cols));

    let cka = linear_cka(x, y)?;
    println!("biased CKA   {:.3}", cka.biased()?);
    println!(
        "its floor    {:.3}  what independent features of these shapes would have",
        cka.floor()?
    );
    println!("debiased CKA {:.3}  0 on average for independent features", cka.debiased()?);

    // The rows of one side in another order have nothing to do with those of the other.
    let null = permutation_null(x, y, Resampling::default())?;
    let chance = null.summary(|cka| cka.debiased())?;
    println!(
        "by chance    {:.3} ± {:.3}, p = {:.3}",
        chance.mean, chance.standard_deviation, chance.p_value
    );
    Ok(())
}

/// A number in -0.5..0.5 for each place.
fn noise(place: usize) -> f64 {
    let mixed = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1 << 24) as f64
        - 0.5
}
