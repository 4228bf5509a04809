//! The words and spectra for serde.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::site::{Component, Positions, Signal, Site, View};
use crate::spectrum::Spectrum;
use crate::step::Step;

/// Reads a word from its text, which may be borrowed or not.
fn word<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                word(from)
            }
        }
    )*};
}
as_text!(Component, Positions, Signal, Site, View);

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        u64::deserialize(from).map(Self)
    }
}

impl Serialize for Spectrum {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.values().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Spectrum {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, from_value, json, to_value};

    use super::*;

    #[test]
    fn words_are_written_as_they_display_and_read_back() {
        let site = Site::ov(3).with_head(1);
        assert_eq!(to_value(site).unwrap(), json!("layer3.attention.ov.head1"));
        assert_eq!(from_value::<Site>(json!("layer3.attention.ov.head1")).unwrap(), site);
        assert_eq!(to_value(Component::Mlp).unwrap(), json!("mlp"));
        assert_eq!(from_value::<Signal>(json!("weight")).unwrap(), Signal::Weight);
        assert_eq!(from_value::<View>(json!("ov_flat")).unwrap(), View::OvFlat);
        assert_eq!(to_value(Positions::Index(2)).unwrap(), json!("index:2"));
        assert_eq!(from_value::<Positions>(json!("all")).unwrap(), Positions::All);
        let step = Step(143_000);
        assert_eq!(to_value(step).unwrap(), json!(143_000));
        assert_eq!(from_value::<Step>(json!(143_000)).unwrap(), step);
    }

    #[test]
    fn what_is_no_word_is_an_error_with_its_text() {
        let error = from_value::<Site>(json!("layer0.mlp.ov")).unwrap_err().to_string();
        assert!(error.contains("layer0.mlp.ov"), "{error}");
    }

    #[test]
    fn a_spectrum_is_checked_when_it_is_read() {
        let spectrum = Spectrum::new(vec![3.0, 0.1, 0.0]).unwrap();
        assert_eq!(to_value(&spectrum).unwrap(), json!([3.0, 0.1, 0.0]));
        assert_eq!(from_str::<Spectrum>("[3, 0.1, 0]").unwrap(), spectrum);
        for wrong in ["[1, 2]", "[-1]", "[1, null]"] {
            assert!(from_str::<Spectrum>(wrong).is_err(), "{wrong}");
        }
    }
}
