//! Singular values of the weights of sites and of their gradients, products without forming them.

use std::collections::HashMap;

use settling_core::{BoxError, Dtype, MatView, Site, Spectrum, TensorData, TensorSource};
use settling_models::WeightBlock;
use settling_rank::{
    CertifiedSpectrum, Denominator, ErrorKind, SpectrumSolver, Undefined, effective_rank,
    proportional_effective_rank,
};

use crate::adapter::SiteWeight;
use crate::protocol::Combine;

/// Tensors by name, added up in f32.
#[derive(Default)]
pub(crate) struct Sums(HashMap<String, Matrix>);

/// Tensors by name, as a file would hold them.
pub(crate) type Tensors = HashMap<String, TensorData<'static>>;

impl Sums {
    /// Adds `share` times `values` to the tensor of this name.
    pub(crate) fn add(&mut self, name: &str, values: MatView<'_, f64>, share: f64) {
        let (rows, cols) = (values.rows(), values.cols());
        let new = || Matrix { values: vec![0.0; rows * cols], rows, cols };
        let sums = &mut self.0.entry(name.to_owned()).or_insert_with(new).values;
        for (sums, row) in sums.chunks_exact_mut(cols.max(1)).zip(values.iter_rows()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += (share * value) as f32;
            }
        }
    }

    pub(crate) fn finish(self) -> Tensors {
        let of_matrix = |(name, matrix): (String, Matrix)| {
            let bytes: Vec<u8> =
                matrix.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let data = TensorData::new(Dtype::F32, vec![matrix.rows, matrix.cols], bytes);
            (name, data.expect("as many elements as the shape says"))
        };
        self.0.into_iter().map(of_matrix).collect()
    }
}

/// A matrix of f32, row-major.
struct Matrix {
    values: Vec<f32>,
    rows: usize,
    cols: usize,
}

impl Matrix {
    fn view(&self) -> MatView<'_> {
        MatView::new(&self.values, self.rows, self.cols)
    }

    fn cut(block: &WeightBlock, data: &TensorData<'_>) -> Result<Self, BoxError> {
        let values = block.cut(data)?;
        Ok(Self { values, rows: block.outputs.len(), cols: block.inputs.len() })
    }
}

/// What singular values are wanted of.
enum Operand {
    One(Matrix),
    /// A sum of products.
    Products(Vec<[Matrix; 2]>),
}

impl Operand {
    fn matrix(&self) -> Option<MatView<'_>> {
        match self {
            Self::One(matrix) => Some(matrix.view()),
            Self::Products(_) => None,
        }
    }

    /// The factors of a sum of products, as one product.
    fn product(&self) -> Option<[Matrix; 2]> {
        match self {
            Self::One(_) => None,
            Self::Products(products) => Some(Self::joined(products)),
        }
    }

    fn shape(&self) -> (usize, usize) {
        match self {
            Self::One(matrix) => (matrix.rows, matrix.cols),
            Self::Products(products) => match products.first() {
                Some([left, right]) => (left.rows, right.cols),
                None => (0, 0),
            },
        }
    }

    /// A product as one of two factors: the left ones side by side, the right ones one above the
    /// other.
    fn joined(products: &[[Matrix; 2]]) -> [Matrix; 2] {
        let rows = products.first().map_or(0, |[left, _]| left.rows);
        let cols = products.first().map_or(0, |[_, right]| right.cols);
        let row_of_all = |row: usize| {
            products.iter().flat_map(move |[left, _]| left.view().row(row).iter().copied())
        };
        let left: Vec<f32> = (0..rows).flat_map(row_of_all).collect();
        let right: Vec<f32> =
            products.iter().flat_map(|[_, right]| right.values.iter().copied()).collect();
        let inner = products.iter().map(|[left, _]| left.cols).sum();
        [Matrix { values: left, rows, cols: inner }, Matrix { values: right, rows: inner, cols }]
    }
}

/// The singular values of one matrix, or why there are none.
pub(crate) struct Found {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    spectrum: Result<CertifiedSpectrum, String>,
}

/// What computes the spectra of the weights of these sites, and of their gradients.
pub(crate) struct Spectra<'a> {
    pub(crate) solver: &'a dyn SpectrumSolver,
    pub(crate) sites: &'a [(Site, SiteWeight)],
}

impl Spectra<'_> {
    /// The names of the tensors that the weights are made of, each once.
    pub(crate) fn tensors(&self) -> Vec<&str> {
        let blocks = self.sites.iter().flat_map(|(_, weight)| weight.blocks());
        let mut names: Vec<&str> = blocks.map(|block| block.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The spectra of the weights. `done` hears how many there are, from 0 on.
    pub(crate) fn of_weights<S: TensorSource>(
        &self,
        source: &S,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Found>, BoxError> {
        self.layer_by_layer(source, |weights, weight| weights.operand(weight), done)
    }

    /// The spectra of the gradients of the sites, given those of the tensors. `done` hears how many
    /// there are, from 0 on.
    pub(crate) fn of_gradients<S: TensorSource>(
        &self,
        source: &S,
        gradients: &Tensors,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Found>, BoxError> {
        self.layer_by_layer(source, |weights, weight| weights.gradient(weight, gradients), done)
    }

    /// Sites are worked through by whole layers, as many as keep all cores busy, so that a fused
    /// tensor is read once and not all of them are in memory.
    fn layer_by_layer<'s, S: TensorSource>(
        &self,
        source: &'s S,
        operand: impl Fn(&mut Weights<'s, S>, &SiteWeight) -> Result<Operand, BoxError>,
        done: &mut dyn FnMut(usize),
    ) -> Result<Vec<Found>, BoxError> {
        let mut found = Vec::with_capacity(self.sites.len());
        done(0);
        let mut layers = self.sites.chunk_by(|(a, _), (b, _)| a.layer == b.layer).peekable();
        while layers.peek().is_some() {
            let mut operands = Vec::new();
            while operands.len() < 2 * rayon::current_num_threads()
                && let Some(layer) = layers.next()
            {
                let mut weights = Weights { source, read: HashMap::new() };
                for (_, weight) in layer {
                    operands.push(operand(&mut weights, weight)?);
                }
            }
            found.extend(self.solve(&operands));
            done(found.len());
        }
        Ok(found)
    }

    /// The spectra of matrices and products, in their order.
    fn solve(&self, operands: &[Operand]) -> Vec<Found> {
        let matrices: Vec<MatView<'_>> = operands.iter().filter_map(Operand::matrix).collect();
        let joined: Vec<[Matrix; 2]> = operands.iter().filter_map(Operand::product).collect();
        let pairs: Vec<_> =
            joined.iter().map(|[left, right]| (left.view(), right.view())).collect();
        let mut of_matrices = self.solver.spectra(&matrices).into_iter();
        let mut of_products = self.solver.product_spectra(&pairs).into_iter();
        let found = |operand: &Operand| {
            let (rows, cols) = operand.shape();
            let next = match operand {
                Operand::One(_) => of_matrices.next(),
                Operand::Products(_) => of_products.next(),
            };
            let spectrum = next.expect("an answer for each").map_err(|error| error.to_string());
            Found { rows, cols, spectrum }
        };
        operands.iter().map(found).collect()
    }
}

/// The tensors of a layer, each read once.
struct Weights<'a, Source> {
    source: &'a Source,
    read: HashMap<String, TensorData<'a>>,
}

impl<Source: TensorSource> Weights<'_, Source> {
    fn block(&mut self, block: &WeightBlock) -> Result<Matrix, BoxError> {
        if !self.read.contains_key(&block.name) {
            let data = self.source.read(&block.name).map_err(Into::into)?;
            self.read.insert(block.name.clone(), data);
        }
        Matrix::cut(block, &self.read[&block.name])
    }

    fn operand(&mut self, weight: &SiteWeight) -> Result<Operand, BoxError> {
        Ok(match weight {
            SiteWeight::Block(block) => Operand::One(self.block(block)?),
            SiteWeight::Products(products) => Operand::Products(
                products
                    .iter()
                    .map(|[left, right]| Ok([self.block(left)?, self.block(right)?]))
                    .collect::<Result<_, BoxError>>()?,
            ),
        })
    }

    /// The gradient of a block, or what the gradients of its factors make of a sum of products: the
    /// product rule.
    fn gradient(&mut self, weight: &SiteWeight, gradients: &Tensors) -> Result<Operand, BoxError> {
        let gradient = |block: &WeightBlock| match gradients.get(&block.name) {
            Some(data) => Matrix::cut(block, data),
            None => Err(format!("the model gave no gradient of `{}`", block.name).into()),
        };
        Ok(match weight {
            SiteWeight::Block(block) => Operand::One(gradient(block)?),
            SiteWeight::Products(products) => {
                let mut terms = Vec::with_capacity(2 * products.len());
                for [left, right] in products {
                    terms.push([gradient(left)?, self.block(right)?]);
                    terms.push([self.block(left)?, gradient(right)?]);
                }
                Operand::Products(terms)
            }
        })
    }
}

/// The spectra of one site for several batches, as they become one number.
pub(crate) struct Combined {
    /// One, or as many as there are batches if ranks are averaged.
    spectra: Vec<Spectrum>,
    /// How they were found.
    pub(crate) method: String,
}

impl Combined {
    /// An error is the reason why one of them is undefined.
    pub(crate) fn new(found: Vec<Found>, combine: Combine) -> Result<Self, String> {
        let found: Vec<CertifiedSpectrum> =
            found.into_iter().map(|found| found.spectrum).collect::<Result<_, _>>()?;
        // A mere spectrum does not say that it is noise.
        for one in &found {
            if let Err(error) = effective_rank(one)
                && error.kind() == ErrorKind::Undefined(Undefined::Noise)
            {
                return Err(error.to_string());
            }
        }
        let mut methods: Vec<&str> = found.iter().map(|found| found.method().as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        let method = methods.join("+");
        let mut spectra: Vec<Spectrum> =
            found.into_iter().map(CertifiedSpectrum::into_spectrum).collect();
        if combine == Combine::MeanSpectrum && spectra.len() > 1 {
            spectra = vec![mean(&spectra)?];
        }
        Ok(Self { spectra, method })
    }

    pub(crate) fn effective_rank(&self) -> Result<f64, String> {
        self.mean(effective_rank)
    }

    pub(crate) fn per(&self, over: Denominator) -> Result<f64, String> {
        self.mean(|spectrum| proportional_effective_rank(spectrum, over))
    }

    fn mean(
        &self,
        measure: impl Fn(&Spectrum) -> Result<f64, settling_rank::Error>,
    ) -> Result<f64, String> {
        let values: Vec<f64> = self
            .spectra
            .iter()
            .map(measure)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The spectra with their names in a file: `name`, or `name.batchK` if there are several.
    pub(crate) fn named(self, name: &str) -> Vec<(String, Spectrum)> {
        let several = self.spectra.len() > 1;
        let name =
            |index: usize| if several { format!("{name}.batch{index}") } else { name.to_owned() };
        self.spectra.into_iter().enumerate().map(|(index, one)| (name(index), one)).collect()
    }
}

/// The mean of the largest values, of the second largest, ...
fn mean(spectra: &[Spectrum]) -> Result<Spectrum, String> {
    let mut sums = spectra[0].values().to_vec();
    for other in &spectra[1..] {
        sums.iter_mut().zip(other.values()).for_each(|(sum, value)| *sum += value);
    }
    let values = sums.into_iter().map(|sum| sum / spectra.len() as f64).collect();
    Spectrum::new(values).map_err(|error| error.to_string())
}
