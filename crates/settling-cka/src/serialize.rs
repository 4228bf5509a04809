//! Results for serde.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::cka::Cka;
use crate::inference::bootstrap::UndefinedDraws;
use crate::undefined::Undefined;

/// A value, or why there is none.
#[derive(serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Value {
    Value(f64),
    Undefined(String),
}

impl From<Result<f64, Undefined>> for Value {
    fn from(value: Result<f64, Undefined>) -> Self {
        match value {
            Ok(value) => Self::Value(value),
            Err(reason) => Self::Undefined(reason.to_string()),
        }
    }
}

/// What was measured, and of what: not the sums that it is computed from.
impl Serialize for Cka {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut cka = to.serialize_struct("Cka", 6)?;
        cka.serialize_field("rows", &self.rows())?;
        cka.serialize_field("x_features", &self.x_features())?;
        cka.serialize_field("y_features", &self.y_features())?;
        cka.serialize_field("biased", &Value::from(self.biased()))?;
        cka.serialize_field("debiased", &Value::from(self.debiased()))?;
        cka.serialize_field("floor", &Value::from(self.floor()))?;
        cka.end()
    }
}

impl Serialize for UndefinedDraws {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use crate::{MatView, Resampling, bootstrap, linear_cka};

    #[test]
    fn values_and_reasons_are_written() {
        let x = [1.0, 2.0, 3.0];
        let cka = linear_cka(MatView::new(&x, 3, 1), MatView::new(&x, 3, 1)).unwrap();
        let expected = json!({
            "rows": 3, "x_features": 1, "y_features": 1,
            "biased": {"value": 1.0},
            "debiased": {"undefined": "too few rows: expected at least 4, found 3"},
            "floor": {"value": 0.5},
        });
        assert_eq!(to_value(cka).unwrap(), expected);
    }

    #[test]
    fn an_interval_is_written() {
        let x: Vec<f64> = (0..12).map(|i| f64::from(i * i % 17)).collect();
        let x = MatView::new(&x, 12, 1);
        let draws = bootstrap(x, x, Resampling { draws: 99, seed: 1 }).unwrap();
        let interval = draws.interval(0.95).unwrap();
        let written = to_value(interval).unwrap();
        assert_eq!(written["low"], json!(interval.low));
        assert_eq!(written["undefined"].is_null(), interval.undefined.is_none());
    }
}
