//! JSON as Python reads it: what transformers writes and reads is Python's dialect of it, which has
//! `NaN`, `Infinity`, numbers of any size and halves of surrogate pairs.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Deeper nesting is no configuration, and would end the stack.
const DEEPEST: usize = 128;

/// A value and its text.
#[derive(Debug)]
pub(super) struct Value<'a> {
    /// As it stands in the file.
    pub(super) text: &'a str,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug)]
pub(super) enum Kind<'a> {
    Null,
    Bool(bool),
    /// What the value's text says; `NaN` and `Infinity` are among them.
    Number,
    /// Half of a surrogate pair stays the escape that it was in the file.
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) values: BTreeMap<Cow<'a, str>, Value<'a>>,
    /// A name that occurs more than once.
    pub(super) repeated: Option<Cow<'a, str>>,
}

/// Reads a text that is one value. A byte order mark before it is passed over.
///
/// # Errors
///
/// If it is none: where, what was expected and what was found.
pub(super) fn parse(text: &str) -> Result<Value<'_>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, place: 0 };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.expected("the end")),
    }
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.place..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on after `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let taken = self.rest().starts_with(token);
        self.place += if taken { token.len() } else { 0 };
        taken
    }

    fn space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Goes on while the bytes, which are ASCII, are `such`; gives their number.
    fn skip(&mut self, such: impl Fn(u8) -> bool) -> usize {
        let count = self.rest().bytes().take_while(|&byte| such(byte)).count();
        self.place += count;
        count
    }

    fn expected(&self, what: &str) -> String {
        let before = &self.text[..self.place];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&one| one != '\n').count() + 1;
        let found = match self.peek() {
            Some(found) => format!("`{}`", found.escape_debug()),
            None => "the end".to_owned(),
        };
        format!("line {line}, column {column}: expected {what}, found {found}")
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, String> {
        const WORDS: [(&str, Kind<'_>); 6] = [
            ("null", Kind::Null),
            ("true", Kind::Bool(true)),
            ("false", Kind::Bool(false)),
            ("NaN", Kind::Number),
            ("Infinity", Kind::Number),
            ("-Infinity", Kind::Number),
        ];
        let start = self.place;
        let kind = match self.peek() {
            _ if depth > DEEPEST => return Err(self.expected("no deeper nesting")),
            Some('{') => Kind::Object(self.object(depth)?),
            Some('[') => Kind::List(self.list(depth)?),
            Some('"') => Kind::Text(self.string()?),
            _ => match WORDS.into_iter().find(|(word, _)| self.take(word)) {
                Some((_, kind)) => kind,
                None => self.number()?,
            },
        };
        Ok(Value { text: &self.text[start..self.place], kind })
    }

    fn number(&mut self) -> Result<Kind<'a>, String> {
        let digit = |byte: u8| byte.is_ascii_digit();
        let _ = self.take("-");
        if !self.take("0") && self.skip(digit) == 0 {
            return Err(self.expected("a value"));
        }
        if self.take(".") && self.skip(digit) == 0 {
            return Err(self.expected("a digit"));
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            if self.skip(digit) == 0 {
                return Err(self.expected("a digit"));
            }
        }
        Ok(Kind::Number)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value<'a>>, String> {
        self.place += 1;
        let mut values = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(values);
        }
        loop {
            self.space();
            values.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(values);
            }
            if !self.take(",") {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, String> {
        self.place += 1;
        let mut object = Object { values: BTreeMap::new(), repeated: None };
        self.space();
        if self.take("}") {
            return Ok(object);
        }
        loop {
            self.space();
            if self.peek() != Some('"') {
                return Err(self.expected("a name in quotation marks"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.expected("`:`"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            if object.values.insert(name.clone(), value).is_some() {
                object.repeated = Some(name);
            }
            self.space();
            if self.take("}") {
                return Ok(object);
            }
            if !self.take(",") {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        self.place += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let plain = self.rest();
            let length = plain.find(|one| one == '"' || one == '\\' || one < ' ');
            let length = length.unwrap_or(plain.len());
            self.place += length;
            match (&mut text, &plain[..length]) {
                (Cow::Borrowed(""), plain) => text = Cow::Borrowed(plain),
                (_, "") => {}
                (text, plain) => text.to_mut().push_str(plain),
            }
            if self.take("\"") {
                return Ok(text);
            }
            if !self.take("\\") {
                return Err(self.expected("the end of a text"));
            }
            self.escape(text.to_mut())?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        const SHORT: [(&str, char); 8] = [
            ("\"", '"'),
            ("\\", '\\'),
            ("/", '/'),
            ("b", '\u{8}'),
            ("f", '\u{c}'),
            ("n", '\n'),
            ("r", '\r'),
            ("t", '\t'),
        ];
        if let Some((_, one)) = SHORT.into_iter().find(|(short, _)| self.take(short)) {
            text.push(one);
            return Ok(());
        }
        if !self.take("u") {
            return Err(self.expected("an escape"));
        }
        let first = self.code()?;
        let after = self.place;
        let second = match first {
            0xd800..0xdc00 if self.take("\\u") => self.code().ok(),
            _ => None,
        };
        let halves = second.map_or_else(|| vec![first], |second| vec![first, second]);
        match char::decode_utf16(halves).next() {
            Some(Ok(one)) => text.push(one),
            _ => text.push_str(&format!("\\u{first:04x}")),
        }
        // What is no second half is read again, for itself.
        if !second.is_some_and(|second| (0xdc00..0xe000).contains(&second)) {
            self.place = after;
        }
        Ok(())
    }

    fn code(&mut self) -> Result<u16, String> {
        let digits = self
            .rest()
            .get(..4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.place += 4;
                Ok(code)
            }
            None => Err(self.expected("four hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        match parse(json).unwrap().kind {
            Kind::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_python_reads_is_read() {
        let json = "\u{feff}\r\n{\"a\": NaN, \"b\": [Infinity, -Infinity, 1e400, -0, 0.5E+3],
            \"\\ud800\": {\"\": \"\\ud83d\\ude00\"}, \"c\":[ ], \"d\":{ }, \"e\": null}\t";
        let value = parse(json).unwrap();
        let Kind::Object(object) = value.kind else { panic!() };
        let texts: Vec<_> = object.values.values().map(|value| value.text).collect();
        let inner = r#"{"": "\ud83d\ude00"}"#;
        let list = "[Infinity, -Infinity, 1e400, -0, 0.5E+3]";
        assert_eq!(texts, [inner, "NaN", list, "[ ]", "{ }", "null"]);
        assert_eq!(object.values.keys().next().unwrap(), "\\ud800");
        assert!(object.repeated.is_none());
        assert!(value.text.starts_with('{') && value.text.ends_with('}'));
    }

    #[test]
    fn escapes_are_those_of_json() {
        assert_eq!(text(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#), "\"\\/\u{8}\u{c}\n\r\té😀é");
        // Halves of pairs, alone, in the wrong order and before something else.
        assert_eq!(text(r#""\ude00\ud83d""#), r"\ude00\ud83d");
        assert_eq!(text(r#""\ud83d\u0041""#), r"\ud83dA");
        assert_eq!(text(r#""\ud83d\ud83d\ude00""#), r"\ud83d😀");
        assert_eq!(text(r#""\ud83d\n""#), "\\ud83d\n");
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_place() {
        for (json, parts) in [
            ("", ["line 1, column 1", "found the end"]),
            ("[1,]", ["column 4", "expected a value, found `]`"]),
            ("{\"a\" 1}", ["column 6", "`:`"]),
            ("{\"a\":1,}", ["column 8", "a name"]),
            ("{a:1}", ["column 2", "a name"]),
            ("{'a':1}", ["column 2", "a name"]),
            ("[1 2]", ["column 4", "`,` or `]`"]),
            ("[1]\n x", ["line 2, column 2", "expected the end, found `x`"]),
            ("01", ["column 2", "the end"]),
            ("+1", ["column 1", "a value"]),
            ("1.", ["column 3", "a digit"]),
            ("1e", ["column 3", "a digit"]),
            (".5", ["column 1", "a value"]),
            ("-", ["column 2", "a value"]),
            ("nul", ["column 1", "a value"]),
            ("nan", ["column 1", "a value"]),
            ("\"a", ["column 3", "the end of a text"]),
            ("\"a\nb\"", ["column 3", "the end of a text, found `\\n`"]),
            (r#""\x""#, ["column 3", "an escape"]),
            (r#""\u12g4""#, ["column 4", "hexadecimal"]),
            (r#""\ud83d\u12é""#, ["column 10", "hexadecimal"]),
            ("\u{feff}\u{feff}1", ["column 1", "\\u{feff}"]),
            ("// 1", ["column 1", "found `/`"]),
        ] {
            let error = parse(json).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{json}: {error}");
            }
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = |depth| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            parse(&deep(DEEPEST)).unwrap();
            assert!(parse(&deep(DEEPEST + 1)).unwrap_err().contains("nesting"));
            assert!(parse(&deep(100_000)).unwrap_err().contains("nesting"));
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_noticed_however_it_is_spelled() {
        let Kind::Object(object) = parse(r#"{"ab":1,"\u0061b":2}"#).unwrap().kind else { panic!() };
        assert_eq!(object.repeated.unwrap(), "ab");
    }
}
