//! Rows of a two-dimensional array, decoded as they are asked for.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use settling_core::ReadRange;

use super::element::{Element, Kind};
use super::header::{Header, tuple};
use crate::error::{Error, ErrorKind, check_rows};
use crate::ranges::read_exactly;

/// How many bytes are read at once, unless a row has more.
const LONGEST_READ: u64 = 1 << 20;

/// A whole, non-empty two-dimensional array of numbers, in either order.
#[derive(Debug)]
pub(super) struct Array {
    bytes: Box<dyn ReadRange>,
    element: Element,
    pub(super) rows: usize,
    pub(super) columns: usize,
    fortran: bool,
    data_start: u64,
}

impl Array {
    /// Reads the header and holds it against the length of the file. `kinds` are the types that
    /// are taken, `wanted` says which, and `shape` what the two dimensions are.
    pub(super) fn open(
        bytes: Box<dyn ReadRange>,
        kinds: &[Kind],
        wanted: &str,
        shape: &str,
    ) -> Result<Self, Error> {
        let Header { descr, fortran, shape: found, data_start } = Header::read(&*bytes)?;
        let name = bytes.name();
        let fault = |message: String| Error::at(ErrorKind::Format, Path::new(&name), message);
        let element = Element::parse(&descr).filter(|element| kinds.contains(&element.kind));
        let element = element.ok_or_else(|| {
            let short: String = descr.chars().take(20).collect();
            let hint = Element::hint(&descr);
            fault(format!("expected {wanted}, found the dtype {short}{hint}"))
        })?;
        let &[rows, columns] = &found[..] else {
            let remedy = match found.len() {
                0 => "a single number",
                1 => "give one dimension its second with numpy.reshape",
                _ => "join dimensions with numpy.reshape",
            };
            return Err(fault(format!(
                "expected the shape {shape}, found {}: {remedy}",
                tuple(&found)
            )));
        };
        if rows == 0 || columns == 0 {
            return Err(fault(format!(
                "has {rows} rows of {columns} elements, shape {}: expected at least one of each",
                tuple(&found)
            )));
        }
        let there = bytes.len() - data_start;
        let size = element.size as u64;
        let needed = rows.checked_mul(columns).and_then(|count| count.checked_mul(size));
        if needed != Some(there) {
            let cause = match needed {
                Some(needed) if needed < there => format!(
                    "{} after them: is the shape wrong, or are there several arrays in the file?",
                    there - needed
                ),
                _ => "is the file cut, or the shape wrong?".to_owned(),
            };
            let needed = needed.map_or("more than 2^64".to_owned(), |needed| needed.to_string());
            return Err(fault(format!(
                "{} elements of {size} bytes take {needed} bytes, found {there}: {cause}",
                tuple(&found)
            )));
        }
        // Both fit: the file is at least as long as either.
        let (rows, columns) = (rows as usize, columns as usize);
        Ok(Self { bytes, element, rows, columns, fortran, data_start })
    }

    /// Some rows, one after the other. `decode` gives the value of an element, or the number that
    /// cannot be one, of which `fault` makes an error.
    pub(super) fn read<T: Copy + Default>(
        &self,
        rows: Range<usize>,
        decode: impl Fn(Element, &[u8]) -> Result<T, String>,
        fault: impl Fn(String) -> (ErrorKind, String),
    ) -> Result<Vec<T>, Error> {
        check_rows(&rows, self.rows, |kind, message| self.fault(kind, message))?;
        let mut values = vec![T::default(); rows.len() * self.columns];
        self.each(rows.clone(), |row, column, bytes| {
            values[(row - rows.start) * self.columns + column] = decode(self.element, bytes)
                .map_err(|number| {
                    let (kind, message) = fault(number);
                    self.fault(kind, format!("row {row}, column {column}: {message}"))
                })?;
            Ok(())
        })?;
        Ok(values)
    }

    /// Calls `take` with the place and the bytes of each element of some rows, in the order of the
    /// file.
    fn each(
        &self,
        rows: Range<usize>,
        mut take: impl FnMut(usize, usize, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // What lies together is a line: a row, or a column in Fortran order. Of each line the
        // elements `within` are wanted. Nothing here overflows: all of it is within the bytes.
        let (length, lines, within) = if self.fortran {
            (self.rows, 0..self.columns, rows)
        } else {
            (self.columns, rows, 0..self.columns)
        };
        let size = self.element.size;
        let line_bytes = (length * size) as u64;
        let at_once = usize::try_from(LONGEST_READ / line_bytes).unwrap_or(1).max(1);
        let mut start = lines.start;
        while start < lines.end {
            let end = lines.end.min(start.saturating_add(at_once));
            let place = |line: usize, element: usize| {
                self.data_start + line as u64 * line_bytes + (element * size) as u64
            };
            // From the first element that is wanted to the last.
            let range = place(start, within.start)..place(end - 1, within.end);
            let bytes = read_exactly(&*self.bytes, range)?;
            for (line, bytes) in (start..end).zip(bytes.chunks(length * size)) {
                for (element, bytes) in within.clone().zip(bytes.chunks_exact(size)) {
                    let (row, column) =
                        if self.fortran { (element, line) } else { (line, element) };
                    take(row, column, bytes)?;
                }
            }
            start = end;
        }
        Ok(())
    }

    pub(super) fn fault(&self, kind: ErrorKind, message: impl fmt::Display) -> Error {
        Error::at(kind, Path::new(&self.bytes.name()), message)
    }
}
