//! The spectra that a study keeps, read back: another measure of rank needs no weights.

use std::fmt;
use std::path::Path;

use settling_checkpoint::Checkpoint;
use settling_core::{Dtype, Signal, Site, Spectrum, TensorSource};

use crate::error::{Error, ErrorKind};

/// The singular values of one weight or gradient, as a study keeps them.
///
/// It displays as its name in the file: `layer3.mlp.write.weight`,
/// `layer0.attention.ov.head2.gradient.batch1`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredSpectrum {
    /// The place in the model.
    pub site: Site,
    /// Weight or gradient.
    pub signal: Signal,
    /// Which batch the gradient was taken on, from 0, where the ranks of several were averaged;
    /// else `None`.
    pub batch: Option<usize>,
    /// The singular values.
    pub spectrum: Spectrum,
}

impl fmt::Display for StoredSpectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.site, self.signal)?;
        match self.batch {
            Some(batch) => write!(f, ".batch{batch}"),
            None => Ok(()),
        }
    }
}

/// Reads a `spectra.safetensors` of a unit, in the order of its names.
///
/// ```
/// use settling::checkpoint::write_safetensors;
/// use settling::core::{Dtype, TensorData};
/// use settling::{rank, read_spectra};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("spectra.safetensors");
/// # let bytes = [2.0_f64, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
/// # let data = TensorData::new(Dtype::F64, vec![2], bytes)?;
/// # write_safetensors(&path, &[("layer0.mlp.write.weight".to_owned(), data)])?;
/// // <study>/<model>/step<N>/<protocol>/spectra.safetensors
/// for stored in read_spectra(&path)? {
///     println!("{stored}: stable rank {}", rank::stable_rank(&stored.spectrum)?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Input`], with the path: if the file cannot be read or is damaged, or holds anything
/// but vectors of f64 that are named `<site>.<signal>` or `<site>.<signal>.batch<K>` and are
/// [spectra](Spectrum).
pub fn read_spectra(path: impl AsRef<Path>) -> Result<Vec<StoredSpectrum>, Error> {
    let path = path.as_ref();
    let file = Checkpoint::open_file(path)
        .map_err(|error| Error::caused(ErrorKind::Input, "spectra", error))?;
    let mut names: Vec<&str> = file.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    names.sort_unstable();
    let spectrum = |name: &str| {
        let wrong = |message: String| {
            let message = format!("{}, tensor `{name}`: {message}", path.display());
            Error::new(ErrorKind::Input, message)
        };
        let (site, signal, batch) = parse(name).ok_or_else(|| {
            wrong("expected a name as in `layer3.mlp.write.weight` or `layer3.mlp.write.gradient.batch0`".to_owned())
        })?;
        let data = file.read(name).map_err(|error| wrong(error.to_string()))?;
        let (values, rest) = data.bytes().as_chunks();
        if data.dtype() != Dtype::F64 || data.shape().len() != 1 || !rest.is_empty() {
            let (dtype, shape) = (data.dtype(), data.shape());
            return Err(wrong(format!(
                "expected a vector of f64, found {dtype:?} of shape {shape:?}"
            )));
        }
        let values = values.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        let spectrum = Spectrum::new(values).map_err(|error| wrong(error.to_string()))?;
        Ok(StoredSpectrum { site, signal, batch, spectrum })
    };
    names.into_iter().map(spectrum).collect()
}

fn parse(name: &str) -> Option<(Site, Signal, Option<usize>)> {
    let (name, batch) = match name.rsplit_once(".batch") {
        Some((name, batch)) => (name, Some(batch.parse().ok()?)),
        None => (name, None),
    };
    let (site, signal) = name.rsplit_once('.')?;
    Some((site.parse().ok()?, signal.parse().ok()?, batch))
}

#[cfg(test)]
mod tests {
    use settling_checkpoint::write_safetensors;
    use settling_core::{Component, TensorData};

    use super::*;

    fn file(name: &str, data: TensorData<'_>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spectra.safetensors");
        write_safetensors(&path, &[(name.to_owned(), data)]).unwrap();
        (folder, path)
    }

    fn f64s(values: &[f64], shape: Vec<usize>) -> TensorData<'static> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TensorData::new(Dtype::F64, shape, bytes).unwrap()
    }

    #[test]
    fn every_name_reads_back() {
        let mlp = Site::write(3, Component::Mlp);
        for (name, site, signal, batch) in [
            ("layer3.mlp.write.weight", mlp, Signal::Weight, None),
            ("layer3.mlp.write.gradient.batch10", mlp, Signal::Gradient, Some(10)),
            (
                "layer0.attention.ov.head2.gradient",
                Site::ov(0).with_head(2),
                Signal::Gradient,
                None,
            ),
        ] {
            let (_folder, path) = file(name, f64s(&[2.0, 0.5], vec![2]));
            let [stored] = &read_spectra(&path).unwrap()[..] else { panic!("{name}") };
            assert_eq!((stored.site, stored.signal, stored.batch), (site, signal, batch));
            assert_eq!(stored.spectrum.values(), [2.0, 0.5]);
            assert_eq!(stored.to_string(), name);
        }
    }

    #[test]
    fn what_is_no_spectrum_is_named() {
        let good = || f64s(&[2.0, 0.5], vec![2]);
        let f32s = TensorData::new(Dtype::F32, vec![1], vec![0; 4]).unwrap();
        let name = "layer3.mlp.write.weight";
        for (name, data, part) in [
            ("layer3.mlp.write", good(), "expected a name"),
            ("weight", good(), "expected a name"),
            ("layer3.mlp.write.weight.batch", good(), "expected a name"),
            ("layer3.mlp.write.weight.batchx", good(), "expected a name"),
            ("layer3.mlp.ov.weight", good(), "expected a name"),
            (name, f32s, "found F32 of shape [1]"),
            (name, f64s(&[2.0, 0.5], vec![2, 1]), "found F64 of shape [2, 1]"),
            (name, f64s(&[0.5, 2.0], vec![2]), "2"),
            (name, f64s(&[f64::NAN], vec![1]), "NaN"),
        ] {
            let (_folder, path) = file(name, data);
            let error = read_spectra(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            let said = error.to_string();
            let named = format!("spectra.safetensors, tensor `{name}`: ");
            assert!(said.contains(&named) && said.contains(part), "{said}");
        }
        let error = read_spectra("no/spectra.safetensors").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("no/spectra.safetensors"), "{error}");
    }
}
