//! What must hold of any bytes whatever, a function for each format of tokens. Each gives how many
//! tokens it read, or `None` if the bytes were refused.

use settling_core::TokenSource;
#[cfg(feature = "parquet")]
use settling_tokens::ParquetTokens;
use settling_tokens::{Error, MegatronTokens, NpyMatrix, NpyTokens};

/// Rows read at a time: all, and each alone if there are not too many.
const MOST_ROWS: usize = 64;

/// As a `.npy` file: of numbers first, since what has tokens is a matrix too.
pub fn npy(bytes: &[u8]) -> Option<usize> {
    let matrix = opened(NpyMatrix::new(bytes.to_vec()));
    if let Some(matrix) = &matrix {
        assert!(matrix.rows() * matrix.columns() <= bytes.len());
        if let Some(all) = opened(matrix.read()) {
            assert_eq!(all.len(), matrix.rows() * matrix.columns());
        }
    }
    let tokens = opened(NpyTokens::new(bytes.to_vec()))?;
    let shape = matrix.map(|matrix| (matrix.rows(), matrix.columns()));
    assert_eq!(shape, Some((tokens.rows(), tokens.width())));
    read_all(&tokens, tokens.width())
}

/// As an `.idx`, after the length of the `.bin` in two bytes, little-endian.
pub fn megatron_index(bytes: &[u8]) -> Option<usize> {
    let (length, index) = bytes.split_first_chunk()?;
    let data: Vec<u8> = (0..u16::from_le_bytes(*length)).map(|place| (place % 7) as u8).collect();
    let length = data.len();
    let tokens = opened(MegatronTokens::with_index(data, index.to_vec()))?;
    assert!(length.is_multiple_of(tokens.rows() * tokens.width()));
    let read = read_all(&tokens, tokens.width());
    // What every row was read without is nothing that the index is refused for.
    assert!(opened(tokens.check_index()).is_some() || read.is_none());
    read
}

/// As a Parquet file.
#[cfg(feature = "parquet")]
pub fn parquet(bytes: &[u8]) -> Option<usize> {
    let tokens = opened(ParquetTokens::new(bytes.to_vec()))?;
    // Compressed and dictionary-coded rows can be many more than bytes: a bound on the work, not a
    // claim.
    if tokens.rows().saturating_mul(tokens.width()) > 1 << 20 {
        return None;
    }
    let read = read_all(&tokens, tokens.width());
    let mut rows = 0;
    for step in tokens.steps() {
        let Some(of_step) = opened(tokens.step(step)) else { panic!("step {step} is listed") };
        read_all(&of_step, tokens.width());
        rows += of_step.rows();
    }
    assert_eq!(rows, tokens.rows());
    read
}

fn opened<T>(result: Result<T, Error>) -> Option<T> {
    result
        .inspect_err(|error| {
            let message = error.to_string();
            assert!(message.contains("in memory") && message.len() < 10_000, "{message}");
        })
        .ok()
}

fn read_all(tokens: &impl TokenSource<Error = Error>, width: usize) -> Option<usize> {
    let rows = tokens.rows();
    assert!(rows > 0 && width > 0);
    let all = opened(tokens.read_rows(0..rows));
    if let Some(all) = &all {
        assert_eq!((all.rows(), all.width()), (rows, width));
    }
    for row in 0..rows.min(MOST_ROWS) {
        let one = opened(tokens.read_rows(row..row + 1));
        if let (Some(all), Some(one)) = (&all, one) {
            assert_eq!(one.ids(), all.row(row), "row {row}");
        }
    }
    assert!(tokens.read_rows(0..rows + 1).is_err());
    Some(all?.ids().len())
}
