//! Singular values and CKA in f64 on a device, as settling-rank and settling-cka compute them on a
//! CPU.

pub(crate) mod cka;
mod gram;
mod moments;
pub(crate) mod spectra;
