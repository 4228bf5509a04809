//! Singular values and CKA on a device, against settling-rank, settling-cka and closed forms. One
//! binary, so that libtorch is linked once.

mod cka;
mod spectra;
mod support;
