//! On a device what settling-rank and settling-cka do on one core of a CPU: singular values and
//! CKA, in f64.

pub(crate) mod cka;
mod gram;
mod moments;
pub(crate) mod spectra;
