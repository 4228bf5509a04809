//! The weights of a model, read from a checkpoint onto the device.

use std::collections::BTreeMap;

use settling_core::TensorSource;
use settling_models::{Architecture, CanonicalNames};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, ErrorKind};
use crate::tensor::weight;

/// The weights of a model by their canonical names, in the shapes in which they are stored. What a
/// network is built from shares them: a gradient is taken with respect to these tensors.
#[derive(Debug)]
pub(crate) struct Parameters(BTreeMap<String, Tensor>);

impl Parameters {
    /// Reads every weight of `architecture`, which is valid, one after the other, onto the device.
    pub(crate) fn read<S>(
        architecture: &Architecture,
        source: &S,
        kind: Kind,
        device: Device,
    ) -> Result<Self, Error>
    where
        S: TensorSource + ?Sized,
    {
        let source = CanonicalNames::new(source, architecture);
        let mut weights = BTreeMap::new();
        for (name, shape) in architecture.parameters() {
            let stored = source.stored_name(&name);
            let data = source.read(&name).map_err(|error| {
                let doing = format!("weight `{stored}` cannot be read");
                Error::caused(ErrorKind::Weights, &doing, error)
            })?;
            if data.shape() != shape {
                let found = data.shape();
                let message = format!(
                    "weight `{stored}`: expected shape {shape:?} from the configuration, found {found:?}"
                );
                return Err(Error::new(ErrorKind::Weights, message));
            }
            let tensor = weight(stored, &data, kind, device)?;
            weights.insert(name, tensor);
        }
        Ok(Self(weights))
    }

    /// The weight of this name, if the model has one: a bias, say.
    pub(crate) fn get(&self, name: &str) -> Option<Tensor> {
        self.0.get(name).map(Tensor::shallow_clone)
    }

    /// The weight of this name.
    ///
    /// # Panics
    ///
    /// If there is none: a family asks for what its architecture lists.
    pub(crate) fn of(&self, name: &str) -> Tensor {
        self.get(name).unwrap_or_else(|| panic!("`{name}` is in the list of parameters"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, Tensor)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(weights: I) -> Self {
        Self(weights.into_iter().collect())
    }
}
