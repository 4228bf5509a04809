//! The functions between the linear maps of an MLP.

use settling_models::Activation;
use tch::{TchError, Tensor};

/// The function of every element of `x`, which may be written over where `in_place` says so: not
/// where gradients are wanted.
#[expect(clippy::approx_constant, reason = "the constants are transformers' own")]
pub(crate) fn apply(
    function: Activation,
    mut x: Tensor,
    in_place: bool,
) -> Result<Tensor, TchError> {
    match function {
        Activation::Gelu if in_place => x.f_gelu_("none"),
        Activation::Gelu => x.f_gelu("none"),
        Activation::GeluTanh if in_place => x.f_gelu_("tanh"),
        Activation::GeluTanh => x.f_gelu("tanh"),
        Activation::GeluFast => {
            let inner = x.f_square()?.f_mul_scalar(0.044715)?.f_add_scalar(1.0)?;
            let inner = x.f_mul_scalar(0.797_884_560_8)?.f_mul(&inner)?;
            x.f_mul_scalar(0.5)?.f_mul(&inner.f_tanh()?.f_add_scalar(1.0)?)
        }
        Activation::Gelu10 => x.f_gelu("none")?.f_clamp(-10.0, 10.0),
        Activation::QuickGelu => x.f_mul(&x.f_mul_scalar(1.702)?.f_sigmoid()?),
        Activation::Silu if in_place => x.f_silu_(),
        Activation::Silu => x.f_silu(),
        Activation::Mish => x.f_mish(),
        Activation::Relu if in_place => x.f_relu_(),
        Activation::Relu => x.f_relu(),
        Activation::Relu2 => x.f_relu()?.f_square(),
        Activation::Relu6 => x.f_relu6(),
        Activation::LeakyRelu => x.f_leaky_relu(),
        Activation::Linear => Ok(x),
        Activation::Sigmoid => x.f_sigmoid(),
        Activation::Tanh => x.f_tanh(),
        Activation::HardSwish => x.f_hardswish(),
        Activation::Laplace => {
            let inner = x.f_sub_scalar(0.707_107)?.f_div_scalar(0.282_095 * 2_f64.sqrt())?;
            inner.f_erf()?.f_add_scalar(1.0)?.f_mul_scalar(0.5)
        }
        Activation::SqrtSoftplus => x.f_softplus()?.f_sqrt(),
        other => Err(TchError::Kind(format!("no activation function `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;
    use tch::Kind;

    use super::*;

    /// The tensor of the golden file, in f64.
    #[expect(clippy::disallowed_methods, reason = "safetensors checks lengths")]
    fn golden(file: &SafeTensors<'_>, name: &str) -> Tensor {
        let view = file.tensor(name).unwrap();
        let kind = match view.dtype() {
            safetensors::Dtype::F64 => Kind::Double,
            _ => Kind::Float,
        };
        let shape: Vec<i64> = view.shape().iter().map(|&dim| dim as i64).collect();
        Tensor::from_data_size(view.data(), &shape, kind).to_kind(Kind::Double)
    }

    /// The largest difference, relative to the largest value.
    fn error(found: &Tensor, expected: &Tensor) -> f64 {
        let difference = found.to_kind(Kind::Double) - expected;
        assert_eq!(difference.isfinite().all().int64_value(&[]), 1);
        difference.abs().max().double_value(&[]) / expected.abs().max().double_value(&[])
    }

    /// A formula is some ten operations, each right to half a unit in the last place of a value
    /// that is not larger than the largest, up to a square.
    #[test]
    fn every_function_is_that_of_transformers() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/activations.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let names = file.names().into_iter().filter_map(|name| name.strip_suffix("/value"));
        let mut seen = 0;
        for name in names {
            let function = Activation::from_name(name).unwrap_or_else(|| panic!("{name}"));
            seen += 1;
            let x = golden(&file, "x").set_requires_grad(true);
            let value = apply(function, x.shallow_clone(), false).unwrap();
            let expected = golden(&file, &format!("{name}/value"));
            assert!(error(&value.detach(), &expected) <= 8.0 * f64::EPSILON, "{name}");
            let gradient = Tensor::run_backward(&[value.sum(Kind::Double)], &[&x], false, false);
            let expected = golden(&file, &format!("{name}/gradient"));
            let gradient = error(&gradient[0], &expected);
            assert!(gradient <= 8.0 * f64::EPSILON, "{name}: {gradient:e}");
            for in_place in [false, true] {
                let x = golden(&file, "x").to_kind(Kind::Float);
                let value = apply(function, x, in_place).unwrap();
                let expected = golden(&file, &format!("{name}/value32"));
                let value = error(&value, &expected);
                assert!(value <= 8.0 * f64::from(f32::EPSILON), "{name}: {value:e}");
            }
        }
        assert_eq!(seen, 22);
    }
}
