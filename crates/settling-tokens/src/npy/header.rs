//! The header of a `.npy` file: a mark, a version, a length, and a dictionary as Python prints it.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html> describes it.

use std::path::Path;

use settling_core::ReadRange;

use crate::error::{Error, ErrorKind};
use crate::ranges::{format_of, read_exactly};

/// NumPy writes headers of 128 bytes for matrices and itself refuses to read any above 10,000.
const LONGEST: u64 = 10_000;

/// How much of a header a message shows.
const EXCERPT: usize = 60;

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) descr: String,
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
    /// Where the numbers begin.
    pub(super) data_start: u64,
}

impl Header {
    /// Reads the beginning of a file, in a time that its length explains.
    pub(super) fn read(bytes: &dyn ReadRange) -> Result<Self, Error> {
        let name = bytes.name();
        let fault = |message: String| Error::at(ErrorKind::Format, Path::new(&name), message);
        let start = read_exactly(bytes, 0..bytes.len().min(12 + LONGEST))?;
        if !start.starts_with(b"\x93NUMPY") {
            let found = match format_of(&start) {
                Some(format) => format!("it is {format}"),
                None => format!("{} bytes that begin otherwise", bytes.len()),
            };
            return Err(fault(format!("is not a .npy file ({found}): write it with numpy.save")));
        }
        let cut = || fault(format!("is cut within its header, after {} bytes", start.len()));
        let (text_start, length) = match (start.get(6..8), &start[start.len().min(8)..]) {
            (Some([1, 0]), [a, b, ..]) => (10, u64::from(u16::from_le_bytes([*a, *b]))),
            (Some([2 | 3, 0]), [a, b, c, d, ..]) => {
                (12, u64::from(u32::from_le_bytes([*a, *b, *c, *d])))
            }
            (None | Some([1..=3, 0]), _) => return Err(cut()),
            (Some(version), _) => {
                let version = format!("{}.{}", version[0], version[1]);
                return Err(fault(format!(
                    "is of .npy version {version}: expected 1.0, 2.0 or 3.0"
                )));
            }
        };
        if length > LONGEST {
            return Err(fault(format!(
                "claims a header of {length} bytes: expected at most {LONGEST}"
            )));
        }
        let data_start = text_start + length;
        let text = start.get(text_start as usize..data_start as usize).ok_or_else(cut)?;
        // Names of fields may be in any encoding; what is read here is ASCII.
        let text = String::from_utf8_lossy(text);
        let (descr, fortran, shape) =
            dictionary(&text).map_err(|message| fault(format!("bad .npy header: {message}")))?;
        Ok(Self { descr, fortran, shape, data_start })
    }
}

/// A shape as Python prints it.
pub(super) fn tuple(shape: &[u64]) -> String {
    match shape {
        [one] => format!("({one},)"),
        several => {
            let several: Vec<String> = several.iter().map(u64::to_string).collect();
            format!("({})", several.join(", "))
        }
    }
}

fn dictionary(text: &str) -> Result<(String, bool, Vec<u64>), String> {
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let mut literal = Literal(text);
    if !literal.eat('{') {
        return Err(literal.expected("a dictionary"));
    }
    while !literal.eat('}') {
        let key = literal.string().ok_or_else(|| literal.expected("a key"))?;
        if !literal.eat(':') {
            return Err(literal.expected("`:`"));
        }
        let again = match key {
            "descr" => {
                let value = literal.string();
                let value = value.ok_or_else(|| {
                    literal.expected("one type of all elements under 'descr', no fields")
                })?;
                descr.replace(value).is_some()
            }
            "fortran_order" => {
                let value = literal.truth();
                let value =
                    value.ok_or_else(|| literal.expected("True or False under 'fortran_order'"))?;
                fortran.replace(value).is_some()
            }
            "shape" => {
                let rest = Literal(literal.0);
                let value = literal.tuple();
                let value = value.ok_or_else(|| {
                    rest.expected("a tuple of whole numbers below 2^64 under 'shape'")
                })?;
                shape.replace(value).is_some()
            }
            other => {
                let expected = "expected the keys 'descr', 'fortran_order' and 'shape'";
                return Err(format!("{expected}, found {}", excerpt(other)));
            }
        };
        if again {
            return Err(format!("'{key}' twice"));
        }
        if !literal.eat(',') && !literal.0.starts_with('}') {
            return Err(literal.expected("`,` or `}`"));
        }
    }
    literal.skip_space();
    if !literal.0.is_empty() {
        return Err(literal.expected("nothing after the dictionary"));
    }
    match (descr, fortran, shape) {
        (Some(descr), Some(fortran), Some(shape)) => Ok((descr.to_owned(), fortran, shape)),
        (None, ..) => Err("it has no 'descr'".to_owned()),
        (_, None, _) => Err("it has no 'fortran_order'".to_owned()),
        (.., None) => Err("it has no 'shape'".to_owned()),
    }
}

fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() { format!("{short:?}...") } else { format!("{short:?}") }
}

/// What is left of a text of Python literals. Nothing that is read can nest.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what}, found {}", excerpt(self.0.trim()))
    }

    /// Passes over a character, with the space around it, if it comes next.
    fn eat(&mut self, next: char) -> bool {
        self.skip_space();
        let Some(rest) = self.0.strip_prefix(next) else { return false };
        self.0 = rest;
        self.skip_space();
        true
    }

    /// A string in either quotes, which Python 2 may have marked; no escapes.
    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.strip_prefix(['u', 'b']).unwrap_or(self.0);
        let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (content, rest) = text[1..].split_once(quote)?;
        if content.contains(['\\', '\n']) {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    fn truth(&mut self) -> Option<bool> {
        let (value, rest) = match self.0.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, self.0.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(value)
    }

    /// A whole number, with the `L` that Python 2 puts behind a long one.
    fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|next: char| !next.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok()
    }

    /// `()`, `(3,)`, `(3, 4)`; `(3)` is a number, as in Python.
    fn tuple(&mut self) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        if !self.eat('(') {
            return None;
        }
        let mut comma = true;
        while !self.eat(')') {
            if !comma {
                return None;
            }
            numbers.push(self.number()?);
            comma = self.eat(',');
        }
        (comma || numbers.len() != 1).then_some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_prints_is_read() {
        for (text, descr, fortran, shape) in [
            (
                "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), } \n",
                "<i4",
                false,
                &[3, 4][..],
            ),
            (
                "{'descr': '<i8', 'fortran_order': True, 'shape': (5L, 9L), }\n",
                "<i8",
                true,
                &[5, 9],
            ),
            ("{\"descr\": \"i8\", \"fortran_order\": False, \"shape\": (7,)}", "i8", false, &[7]),
            ("{'shape':(),'descr':u'<f4',\n'fortran_order':False}", "<f4", false, &[]),
            (
                " { 'shape' : ( 2 , 3 , ) , 'fortran_order' : True , 'descr' : '|u1' } ",
                "|u1",
                true,
                &[2, 3],
            ),
        ] {
            let found = dictionary(text).unwrap();
            assert_eq!(found, (descr.to_owned(), fortran, shape.to_vec()), "{text}");
            for end in 0..text.trim_end().len() {
                assert!(dictionary(&text[..end]).is_err(), "{}", &text[..end]);
            }
        }
    }

    #[test]
    fn what_it_does_not_print_is_named() {
        let with =
            |shape: &str| format!("{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}");
        let shape = "expected a tuple of whole numbers below 2^64 under 'shape', found ";
        for (text, part) in [
            (with("(3)"), format!("{shape}\"(3), }}\"")),
            (with("[3, 4]"), format!("{shape}\"[3, 4], }}\"")),
            (with("(-1, 4)"), format!("{shape}\"(-1, 4), }}\"")),
            (with("(3 4)"), format!("{shape}\"(3 4), }}\"")),
            (with("(3.0, 4)"), format!("{shape}\"(3.0, 4), }}\"")),
            (with("(3,, 4)"), format!("{shape}\"(3,, 4), }}\"")),
            (with("(18446744073709551616, 4)"), shape.to_owned()),
            (with(&"(".repeat(9_000)), "\"((((((".to_owned()),
            (with("(3, 4)").replace("False", "0"), "True or False".to_owned()),
            (with("(3, 4)").replace("'<i4'", "[('a', '<i4')]"), "no fields".to_owned()),
            (with("(3, 4), 'shape': (3, 4)"), "'shape' twice".to_owned()),
            (with("(3, 4), 'more': 1"), "found \"more\"".to_owned()),
            (with("(3, 4)") + "x", "nothing after the dictionary, found \"x\"".to_owned()),
            ("{'descr': '<i4', 'fortran_order': False}".to_owned(), "no 'shape'".to_owned()),
            ("(3, 4)".to_owned(), "expected a dictionary".to_owned()),
        ] {
            let error = dictionary(&text).unwrap_err();
            assert!(error.contains(&part), "{error}");
            assert!(error.len() < 200, "{error}");
        }
    }
}
