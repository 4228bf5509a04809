//! The weights of a model, read from a checkpoint onto the device.

use std::collections::BTreeMap;

use settling_core::{TensorData, TensorSource};
use settling_models::{Architecture, CanonicalNames};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, ErrorKind};
use crate::failure::Context;
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
        let has = |name: &str| source.tensors().iter().any(|meta| meta.name == name);
        let (input, output) = (architecture.input_embedding(), architecture.output_embedding());
        let (has_input, has_output) = (has(input), has(output));
        let mut weights = BTreeMap::new();
        for (name, shape) in architecture.parameters() {
            // A file of a body: activations do without what comes after it.
            if name == output && !has_output {
                continue;
            }
            // Of two names of one tensor, a file may have either.
            let shared = name == input && architecture.is_tied() && has_output;
            let there = if shared && !has_input { output } else { &name };
            let data = read(&source, there, &shape)?;
            if shared && has_input && !same(&data, &read(&source, output, &shape)?)? {
                let [input, output] = [input, output].map(|name| source.stored_name(name));
                let message = format!(
                    "the configuration says that the embeddings are tied (tie_word_embeddings), but \
                     `{output}` differs from `{input}`: correct the configuration, or leave the one \
                     that does not belong to the model out of the file"
                );
                return Err(Error::new(ErrorKind::Weights, message));
            }
            let tensor = weight(source.stored_name(there), &data, kind, device)?;
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

/// The tensor of this name, in this shape.
fn read<'a, S: TensorSource>(
    source: &'a CanonicalNames<S>,
    name: &str,
    shape: &[usize],
) -> Result<TensorData<'a>, Error> {
    let stored = source.stored_name(name);
    let data = source.read(name).map_err(|error| {
        let doing = format!("weight `{stored}` cannot be read");
        Error::caused(ErrorKind::Weights, &doing, error)
    })?;
    if data.shape() == shape {
        return Ok(data);
    }
    let found = data.shape();
    let message = format!(
        "weight `{stored}`: expected shape {shape:?} from the configuration, found {found:?}"
    );
    Err(Error::new(ErrorKind::Weights, message))
}

/// Whether two tensors of one shape have the same values, of whatever types.
fn same(one: &TensorData<'_>, other: &TensorData<'_>) -> Result<bool, Error> {
    if one.dtype() == other.dtype() && one.bytes() == other.bytes() {
        return Ok(true);
    }
    let wide = |data| weight("an embedding", data, Kind::Double, Device::Cpu);
    let same = wide(one)?.f_allclose(&wide(other)?, 0.0, 0.0, true);
    same.context(|| "comparing the embeddings".to_owned())
}
