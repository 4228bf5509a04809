//! A number for how similar two sets of features are, whichever.

use settling_core::MatView;

use crate::error::Error;
use crate::estimators::kernel::{Bandwidth, rbf_cka};
use crate::estimators::linear::linear_cka;

/// A number for how similar two sets of features of the same rows are, from matrices in memory.
///
/// The interface of code that goes through several: the estimators of CKA and what else papers
/// report.
/// [`Cka`](crate::Cka) has more to say than one number.
///
/// # Example
///
/// ```
/// use settling_cka::{BiasedCka, DebiasedCka, Procrustes, Pwcca, Similarity, Svcca};
/// use settling_core::MatView;
///
/// let x: Vec<f64> = (0..60).map(|k| (f64::from(k) * 1.7).sin()).collect();
/// let x = MatView::new(&x, 30, 2);
/// let all: [&dyn Similarity; 5] =
///     [&BiasedCka, &DebiasedCka, &Svcca { variance: 0.99 }, &Pwcca, &Procrustes];
/// for similarity in all {
///     // Every one of them finds features like themselves.
///     assert!((similarity.similarity(x, x)? - 1.0).abs() < 1e-12, "{}", similarity.name());
/// }
/// # Ok::<(), settling_cka::Error>(())
/// ```
pub trait Similarity {
    /// In lower case, as in records: `debiased_cka`.
    fn name(&self) -> &'static str;

    /// The similarity of `x`, `(n, x_features)`, and `y`, `(n, y_features)`; row i of both is the
    /// same observation.
    ///
    /// # Errors
    ///
    /// The same as [`linear_cka`](crate::linear_cka); and
    /// [`Undefined`](crate::ErrorKind::Undefined) where the number has no value.
    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error>;
}

impl<S: Similarity + ?Sized> Similarity for &S {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        (**self).similarity(x, y)
    }
}

impl<S: Similarity + ?Sized> Similarity for Box<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        (**self).similarity(x, y)
    }
}

/// [`Cka::biased`](crate::Cka::biased) as a [`Similarity`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BiasedCka;

impl Similarity for BiasedCka {
    fn name(&self) -> &'static str {
        "biased_cka"
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        Ok(linear_cka(x, y)?.biased()?)
    }
}

/// [`Cka::debiased`](crate::Cka::debiased) as a [`Similarity`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DebiasedCka;

impl Similarity for DebiasedCka {
    fn name(&self) -> &'static str {
        "debiased_cka"
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        Ok(linear_cka(x, y)?.debiased()?)
    }
}

/// The biased value of [`rbf_cka`] as a [`Similarity`].
#[derive(Clone, Copy, Debug)]
pub struct RbfCka {
    /// The width of the kernel, for both sides.
    pub bandwidth: Bandwidth,
}

impl Similarity for RbfCka {
    fn name(&self) -> &'static str {
        "rbf_cka"
    }

    fn similarity(&self, x: MatView<'_, f64>, y: MatView<'_, f64>) -> Result<f64, Error> {
        Ok(rbf_cka(x, y, self.bandwidth)?.biased()?)
    }
}
