//! The columns and their types.

use std::sync::Arc;

use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;

/// The columns, named and ordered as in CSV. What CSV leaves empty is null.
const SCHEMA_MESSAGE: &str = "
    message records {
        required int64 schema;
        required binary model (string);
        required int64 step;
        required int64 layer;
        required binary component (string);
        required binary view (string);
        optional int64 head;
        required binary signal (string);
        required binary metric (string);
        optional double value;
        required int64 n;
        required int64 width;
        optional binary positions (string);
        required binary estimator (string);
        required binary protocol (string);
    }";

/// [`SCHEMA`](crate::SCHEMA) as a number, which is what readers of CSV make of it.
pub(crate) const VERSION: i64 = 1;

pub(crate) fn schema() -> Arc<Type> {
    Arc::new(parse_message_type(SCHEMA_MESSAGE).expect("a message that parses"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::record::COLUMNS;
    use crate::version::SCHEMA;

    #[test]
    fn the_columns_and_the_version_are_those_of_csv() {
        let schema = schema();
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, COLUMNS);
        assert_eq!(VERSION.to_string(), SCHEMA);
    }
}
