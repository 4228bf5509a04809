//! Singular values and CKA are those of the engines that an adapter names.

use settling::{ErrorKind, ModelAdapter, Protocol, SiteWeight, Store, Study};
use settling_cka::{Cka, CkaAccumulator, LinearCka};
use settling_core::{BoxError, MatView, Signal, Site, TokenBatch};
use settling_rank::{CertifiedSpectrum, CpuSolver, SpectrumSolver};

use crate::diagonal::{Mine, Model, Rows, SERIES, Source};

const MINE: Mine<'_> = Mine { engine: "mine", scale: 1.0 };

/// The values 5 and 3, whatever is asked for.
struct FiveAndThree;

impl FiveAndThree {
    fn answers(count: usize) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        let diagonal = [5.0, 0.0, 0.0, 3.0];
        CpuSolver.spectra(&vec![MatView::new(&diagonal, 2, 2); count])
    }
}

impl SpectrumSolver for FiveAndThree {
    fn spectra(&self, matrices: &[MatView<'_>]) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        Self::answers(matrices.len())
    }

    fn product_spectra(
        &self,
        pairs: &[(MatView<'_>, MatView<'_>)],
    ) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        Self::answers(pairs.len())
    }
}

/// Compares the reference with itself.
struct WithItself(LinearCka);

impl CkaAccumulator for WithItself {
    fn update(&mut self, _: MatView<'_>, y: MatView<'_>) -> Result<(), BoxError> {
        CkaAccumulator::update(&mut self.0, y, y)
    }

    fn finish(self: Box<Self>) -> Result<Cka, BoxError> {
        CkaAccumulator::finish(Box::new(self.0))
    }
}

/// The diagonal model with engines of its own, or with devices that are broken.
struct Other {
    broken_spectra: bool,
    broken_cka: bool,
}

impl ModelAdapter<Source> for Other {
    type Model = Model;
    type Error = BoxError;

    fn engine(&self) -> String {
        "other algebra".to_owned()
    }

    fn configuration(&self, source: &Source) -> Result<String, BoxError> {
        Ok(MINE.configuration(source)?)
    }

    fn load(&self, source: &Source, protocol: &Protocol) -> Result<Model, BoxError> {
        Ok(MINE.load(source, protocol)?)
    }

    fn weight(&self, source: &Source, model: &Model, site: &Site) -> Option<SiteWeight> {
        MINE.weight(source, model, site)
    }

    fn gradients(
        &self,
        source: &Source,
        model: &mut Model,
        batch: &TokenBatch,
        tensors: &[&str],
        take: &mut dyn FnMut(&str, MatView<'_, f64>),
    ) -> Result<(), BoxError> {
        Ok(MINE.gradients(source, model, batch, tensors, take)?)
    }

    fn spectra(&self) -> Result<Box<dyn SpectrumSolver>, BoxError> {
        if self.broken_spectra {
            return Err("no device for spectra".into());
        }
        Ok(Box::new(FiveAndThree))
    }

    fn cka(&self) -> Result<Box<dyn CkaAccumulator>, BoxError> {
        if self.broken_cka {
            return Err("no device for CKA".into());
        }
        Ok(Box::new(WithItself(LinearCka::new())))
    }
}

fn run(adapter: &Other) -> Result<Vec<settling_records::Record>, settling::Error> {
    let out = tempfile::tempdir().unwrap();
    let study = Study::new(Store::open(out.path())?, [Protocol::corrected()])?;
    Ok(study.plan("m", &SERIES, adapter, Some(&Rows))?.run(&mut |_| {})?.records)
}

#[test]
fn every_number_is_of_the_engines_of_the_adapter() {
    let records = run(&Other { broken_spectra: false, broken_cka: false }).unwrap();
    // Shares of 5/8 and 3/8.
    let rank = (0.625 * 1.6_f64.ln() + 0.375 * (8.0_f64 / 3.0).ln()).exp();
    let (mut ckas, mut ranks) = (0, 0);
    for record in &records {
        let expected = match (record.signal, record.metric.as_str()) {
            (Signal::Activation, "cka") if record.estimator == "floor" => continue,
            (Signal::Activation, "cka") => {
                ckas += 1;
                1.0
            }
            (_, "effective_rank") => {
                ranks += 1;
                rank
            }
            _ => rank / 2.0,
        };
        let value = record.value.clone().unwrap();
        assert!((value - expected).abs() < 1e-12, "{record:?}");
    }
    // One site, three steps: two estimators; a weight and a gradient.
    assert_eq!((ckas, ranks), (6, 6));
}

#[test]
fn a_device_that_cannot_be_used_ends_the_study_with_its_reason() {
    for (broken_spectra, reason) in [(true, "no device for spectra"), (false, "no device for CKA")]
    {
        let error = run(&Other { broken_spectra, broken_cka: !broken_spectra }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Compute);
        let message = error.to_string();
        assert!(message.starts_with("m, step 0, protocol `corrected`: "), "{message}");
        assert!(message.ends_with(reason), "{message}");
    }
}
