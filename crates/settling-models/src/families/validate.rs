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

pub(super) fn positive(named: &[(&str, f64)]) -> Result<(), Error> {
    named.iter().try_for_each(|&(name, value)| {
        check(value.is_finite() && value > 0.0, || {
            format!("{name} must be positive, found {value}")
        })
    })
}
