//! The checks that the descriptions of all model families share.

use crate::error::{Error, ErrorKind};

/// Sizes are multiplied with each other and handed to libraries that count in i64.
const LARGEST_SIZE: usize = 1 << 28;
/// The tensors of every layer are listed.
const MOST_LAYERS: usize = 1 << 12;

/// Fails with `message()` unless `holds`.
pub(super) fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::new(ErrorKind::Sizes, message())) }
}

pub(super) fn sizes(named: &[(&str, usize)]) -> Result<(), Error> {
    for &(name, size) in named {
        check(size > 0, || format!("{name} must be at least 1, found 0"))?;
        check(size <= LARGEST_SIZE, || {
            format!("{name} = {size} is beyond any model: expected at most 2^28")
        })?;
    }
    Ok(())
}

pub(super) fn layers(name: &str, layers: usize) -> Result<(), Error> {
    sizes(&[(name, layers)])?;
    check(layers <= MOST_LAYERS, || {
        format!("{name} = {layers} is beyond any model: expected at most {MOST_LAYERS}")
    })
}

pub(super) fn divides(part: (&str, usize), whole: (&str, usize)) -> Result<(), Error> {
    check(whole.1.is_multiple_of(part.1), || {
        format!("{} = {} does not divide {} = {}", part.0, part.1, whole.0, whole.1)
    })
}

/// Whether the number is positive and finite in f32, in which models are run.
pub(crate) fn is_positive_f32(value: f64) -> bool {
    let value = value as f32;
    value.is_finite() && value > 0.0
}

/// Fails unless the numbers are positive, in f32 too.
pub(super) fn positive(named: &[(&str, f64)]) -> Result<(), Error> {
    named.iter().try_for_each(|&(name, value)| {
        check(value > 0.0, || format!("{name} must be positive, found {value}"))?;
        check(is_positive_f32(value), || {
            format!("{name} = {value} is beyond f32: expected a number from 1e-45 to 3.4e38")
        })
    })
}

/// Fails unless the angles of all positions are numbers in f32, where `dims` dimensions of a head
/// are rotated at the frequencies of `base`, each divided by `factor`.
pub(super) fn angles(
    base: (&str, f64),
    dims: usize,
    factor: f64,
    context: usize,
) -> Result<(), Error> {
    // Of the first pair and the last one.
    let last = base.1.powf(-(dims.saturating_sub(2) as f64) / dims.max(1) as f64);
    let largest = last.max(1.0) / factor.min(1.0);
    check(is_positive_f32(largest) && is_positive_f32(largest * context as f64), || {
        format!(
            "rotary embedding with {} = {} turns by angles beyond f32 within {context} positions",
            base.0, base.1
        )
    })
}
