//! Singular values and CKA on a device, against settling-rank, settling-cka and closed forms.

mod cka;
mod matrices;
mod spectra;
