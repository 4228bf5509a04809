//! How values of other crates are written in a file.

/// What displays as it parses.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// How a loss is reduced, as sub-batches.
pub(super) mod sub_batches {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use settling_core::LossReduction;

    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "snake_case")]
    enum SubBatches {
        Whole,
        Doubling,
        DoublingUpTo(usize),
    }

    pub(in super::super) fn serialize<S: Serializer>(
        reduction: &LossReduction,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match *reduction {
            LossReduction::Mean => SubBatches::Whole,
            LossReduction::SumOfMeans { largest: None } => SubBatches::Doubling,
            LossReduction::SumOfMeans { largest: Some(rows) } => SubBatches::DoublingUpTo(rows),
            _ => return Err(serde::ser::Error::custom("a loss reduction without a spelling")),
        }
        .serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<LossReduction, D::Error> {
        Ok(match SubBatches::deserialize(deserializer)? {
            SubBatches::Whole => LossReduction::Mean,
            SubBatches::Doubling => LossReduction::SumOfMeans { largest: None },
            SubBatches::DoublingUpTo(rows) => LossReduction::SumOfMeans { largest: Some(rows) },
        })
    }
}

/// A count, or `"all"` for `None`.
pub(super) mod count {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for a reference")]
    pub(in super::super) fn serialize<S: Serializer>(
        count: &Option<usize>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match count {
            Some(count) => serializer.serialize_u64(*count as u64),
            None => serializer.serialize_str("all"),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<usize>, D::Error> {
        struct Count;

        impl Visitor<'_> for Count {
            type Value = Option<usize>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count or \"all\"")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Option<usize>, E> {
                usize::try_from(count).map(Some).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<Option<usize>, E> {
                let wrong = |_| E::invalid_value(serde::de::Unexpected::Signed(count), &self);
                usize::try_from(count).map(Some).map_err(wrong)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Option<usize>, E> {
                match text {
                    "all" => Ok(None),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Count)
    }
}
