//! The function between the two linear maps of an MLP.

use std::fmt;

/// The activation function of an MLP, as transformers names and computes it.
///
/// Names of one function, which may differ in rounding, are one: `gelu_new` and
/// `gelu_pytorch_tanh`, `silu` and `swish`. Functions with weights of their own (`prelu`, `xielu`)
/// are not among them.
///
/// ```
/// use settling_models::Activation;
///
/// assert_eq!(Activation::from_name("swish"), Some(Activation::Silu));
/// assert_eq!(Activation::GeluTanh.to_string(), "gelu_pytorch_tanh");
/// assert_eq!(Activation::from_name("xielu"), None);
/// ```
///
/// Reference: `ACT2FN` of `transformers.activations`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// x Phi(x), Phi of the normal distribution: (x / 2) (1 + erf(x / sqrt 2)).
    Gelu,
    /// (x / 2) (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    GeluTanh,
    /// The same with 0.7978845608 for sqrt(2 / pi) (GPT-NeoX-20B).
    GeluFast,
    /// [`Gelu`](Self::Gelu), clipped to -10 to 10.
    Gelu10,
    /// x sigmoid(1.702 x).
    QuickGelu,
    /// x sigmoid(x).
    Silu,
    /// x tanh(ln(1 + e^x)).
    Mish,
    /// max(x, 0).
    Relu,
    /// max(x, 0)^2.
    Relu2,
    /// x, clipped to 0 to 6.
    Relu6,
    /// x, a hundredth of it where it is negative.
    LeakyRelu,
    /// x.
    Linear,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// x times x + 3, clipped to 0 to 6, over 6.
    HardSwish,
    /// (1 + erf((x - 0.707107) / (0.282095 sqrt 2))) / 2.
    Laplace,
    /// The square root of ln(1 + e^x).
    SqrtSoftplus,
}

impl Activation {
    /// The names of configurations; of one function, the one that it displays as comes first.
    pub(crate) const NAMES: [(&'static str, Self); 22] = [
        ("gelu", Self::Gelu),
        ("gelu_python", Self::Gelu),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu_new", Self::GeluTanh),
        ("gelu_python_tanh", Self::GeluTanh),
        ("gelu_accurate", Self::GeluTanh),
        ("gelu_fast", Self::GeluFast),
        ("gelu_10", Self::Gelu10),
        ("quick_gelu", Self::QuickGelu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("mish", Self::Mish),
        ("relu", Self::Relu),
        ("relu2", Self::Relu2),
        ("relu6", Self::Relu6),
        ("leaky_relu", Self::LeakyRelu),
        ("linear", Self::Linear),
        ("sigmoid", Self::Sigmoid),
        ("tanh", Self::Tanh),
        ("hardswish", Self::HardSwish),
        ("laplace", Self::Laplace),
        ("sqrtsoftplus", Self::SqrtSoftplus),
    ];

    /// The function that a configuration gives this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(one, _)| *one == name).map(|&(_, function)| function)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, function)| function == self);
        f.write_str(named.expect("every function has a name").0)
    }
}
