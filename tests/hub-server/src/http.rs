//! As much of HTTP/1.1 as a hub needs.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::content::Content;

/// Bytes of head and of body that a request may have.
const MOST: u64 = 1 << 20;
const CHUNK: u64 = 1 << 16;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they came.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; `None` where the client has closed it.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut lines = from.take(MOST).lines();
        let Some(first) = lines.next() else { return Ok(None) };
        let first = first?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a request line"));
        };
        let mut headers = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let (method, target, body) = (method.to_owned(), target.to_owned(), Vec::new());
        let mut request = Self { method, target, headers, body };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        request.body = vec![0; length.unwrap_or(0_u64).min(MOST) as usize];
        from.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.header("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or(value))
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The query as names and values, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        form(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// Whether the query has this name with a value that means yes.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query().iter().any(|(one, value)| one == name && is_yes(value))
    }
}

pub(crate) fn is_yes(value: &str) -> bool {
    matches!(value, "1" | "true" | "True")
}

/// `a=1&b=2`, decoded.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split
        .map(|(name, value)| (decode(&name.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

/// Undoes percent-encoding; what is not a code stays.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Percent-encodes all but letters, digits and what paths and addresses have anyway.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    BeforeAnswer,
    /// After so many bytes of the body.
    AfterBytes(u64),
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) content: Content,
    /// Where the connection is cut.
    pub(crate) end: Option<Point>,
    /// Where nothing happens for a while, or for ever.
    pub(crate) stall: Option<(Point, Option<Duration>)>,
}

impl Response {
    pub(crate) fn new(status: u16, content: Content) -> Self {
        Self { status, headers: Vec::new(), content, end: None, stall: None }
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::new(status, Content::bytes(text.as_bytes()))
            .header("Content-Type", "text/plain; charset=utf-8")
    }

    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, Content::bytes(value.to_string().into_bytes()))
            .header("Content-Type", "application/json; charset=utf-8")
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::text(status, &format!("Redirecting to {location}")).header("Location", location)
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// `content`, or the range of it that the request asks for.
    pub(crate) fn ranged(request: &Request, content: Content) -> Self {
        let size = content.size;
        let asked = request.header("range").and_then(|range| parse_range(range, size));
        let response = match asked {
            None => Self::new(200, content),
            Some(None) => Self::text(416, "range not satisfiable")
                .header("Content-Range", format!("bytes */{size}")),
            Some(Some((start, end))) => Self::new(206, content.slice(start, end - start))
                .header("Content-Range", format!("bytes {start}-{}/{size}", end - 1)),
        };
        response.header("Accept-Ranges", "bytes")
    }

    /// Writes the answer, whose time has come; says whether the connection can be used again.
    /// `pause` returns early when the server ends; `progress` is told how many bytes of the body
    /// were written, before the client can have them.
    pub(crate) fn send(
        &self,
        to: &mut TcpStream,
        request: &Request,
        pause: impl Fn(Option<Duration>),
        mut progress: impl FnMut(u64),
    ) -> io::Result<bool> {
        if self.end == Some(Point::BeforeAnswer) {
            return Ok(false);
        }
        let size = self.content.size;
        let declared =
            self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if declared.is_none() {
            head.push_str(&format!("Content-Length: {size}\r\n"));
        }
        head.push_str("\r\n");
        to.write_all(head.as_bytes())?;
        if request.method == "HEAD" {
            return Ok(true);
        }

        let bytes_of = |point| match point {
            Some(Point::AfterBytes(bytes)) => Some(bytes),
            _ => None,
        };
        let stop = bytes_of(self.end).map_or(size, |bytes| bytes.min(size));
        let rest = bytes_of(self.stall.map(|(point, _)| point));
        let mut buffer = vec![0; CHUNK as usize];
        let mut sent = 0;
        loop {
            if let Some((_, time)) = self.stall.filter(|(at, _)| *at == Point::AfterBytes(sent)) {
                pause(time);
            }
            if sent == stop {
                break;
            }
            let until = rest.filter(|rest| *rest > sent).map_or(stop, |rest| rest.min(stop));
            let chunk = &mut buffer[..(until - sent).min(CHUNK) as usize];
            self.content.fill(sent, chunk);
            sent += chunk.len() as u64;
            progress(sent);
            to.write_all(chunk)?;
        }
        let whole = stop == size && declared.is_none_or(|(_, length)| *length == size.to_string());
        let close =
            request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(whole && !close)
    }
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n` as (start, end): `None` for what is not a single range,
/// `Some(None)` for one that the size cannot satisfy.
fn parse_range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count = last.parse::<u64>().ok()?.min(size);
        return Some((count > 0).then(|| (size - count, size)));
    }
    let start: u64 = first.parse().ok()?;
    let end =
        if last.is_empty() { size } else { last.parse::<u64>().ok()?.saturating_add(1).min(size) };
    Some((start < end).then_some((start, end)))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        307 => "Temporary Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
