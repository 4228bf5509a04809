//! Ways to fail, and the requests that they befall.

use std::time::Duration;

use crate::content::Content;
use crate::http::{Point, Request, Response};

/// What is done to an answer. Several rules that fire for one request act in the order in which
/// they were added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// This status, with a line of text as body.
    Status(u16),
    /// 429 with `Retry-After` of so many seconds.
    RetryAfter(u64),
    /// 200 with a page of HTML, as from a proxy that wants a log-in.
    Html,
    /// The connection is closed before any answer.
    Close,
    /// The connection is closed after so many bytes of the body.
    Cut(u64),
    /// One bit of the body's byte at this place is inverted.
    FlipBit(u64),
    /// The body is longer (continued with zeros) or shorter by so many bytes, and `Content-Length`
    /// agrees with it.
    Resize(i64),
    /// `Content-Length` says so many bytes more or fewer than the body has; the connection is
    /// closed after the body.
    MisstateLength(i64),
    /// Nothing happens for so long, or until the server ends; then the answer comes.
    Stall(Option<Duration>),
    /// As `Stall`, after so many bytes of the body.
    StallAfter(u64, Option<Duration>),
    /// This header has this value: an `ETag` with `../`, a wrong `X-Linked-Size`, a redirect's
    /// `Content-Length`. (If `Content-Length` disagrees with the body, the connection is closed
    /// after the body.)
    Header(String, String),
    /// This body, with status and other headers as they would have been: garbage where JSON is
    /// expected.
    Body(Vec<u8>),
}

/// A fault, and which requests it befalls: all of them unless it is narrowed.
///
/// ```
/// use settling_hub_server::{Fault, Rule};
///
/// let unlucky = Rule::new(Fault::Status(503)).method("GET").path("model.safetensors").first(2);
/// let second = Rule::new(Fault::Cut(1000)).path("/cdn/").nth(2);
/// # drop((unlucky, second));
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    method: Option<String>,
    path: String,
    from: u64,
    to: u64,
    matched: u64,
}

impl Rule {
    /// A fault for every request.
    pub fn new(fault: Fault) -> Self {
        Self { fault, method: None, path: String::new(), from: 1, to: u64::MAX, matched: 0 }
    }

    /// Only requests of this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests whose path with query, as sent, has this in it. Large files are fetched from
    /// `/cdn/<sha256>`.
    pub fn path(mut self, fragment: impl Into<String>) -> Self {
        self.path = fragment.into();
        self
    }

    /// Only the first so many of the requests that match.
    pub fn first(mut self, count: u64) -> Self {
        (self.from, self.to) = (1, count);
        self
    }

    /// Only one of the requests that match, counted from 1.
    pub fn nth(mut self, number: u64) -> Self {
        (self.from, self.to) = (number, number);
        self
    }

    /// Counts the request if it matches; the fault, if it is one of those that it befalls.
    pub(crate) fn fires(&mut self, request: &Request) -> Option<&Fault> {
        let matches = self.method.as_ref().is_none_or(|method| *method == request.method)
            && request.target.contains(&self.path);
        self.matched += u64::from(matches);
        (matches && (self.from..=self.to).contains(&self.matched)).then_some(&self.fault)
    }
}

impl Fault {
    pub(crate) fn befall(&self, mut response: Response) -> Response {
        let size = response.content.size;
        match self {
            Self::Status(status) => return Response::text(*status, "told to fail"),
            Self::RetryAfter(seconds) => {
                return Response::text(429, "too many requests").header("Retry-After", seconds);
            }
            Self::Html => {
                let page = "<!DOCTYPE html><html><body>Please log in</body></html>";
                return Response::text(200, page)
                    .header("Content-Type", "text/html; charset=utf-8");
            }
            Self::Close => response.end = Some(Point::BeforeAnswer),
            Self::Cut(bytes) => response.end = Some(Point::AfterBytes(*bytes)),
            Self::FlipBit(place) => response.content = response.content.flipped(*place),
            Self::Resize(by) => {
                response.content = response.content.resized(size.saturating_add_signed(*by));
            }
            Self::MisstateLength(by) => {
                return response.header("Content-Length", size.saturating_add_signed(*by));
            }
            Self::Stall(time) => response.stall = Some((Point::BeforeAnswer, *time)),
            Self::StallAfter(bytes, time) => {
                response.stall = Some((Point::AfterBytes(*bytes), *time));
            }
            Self::Header(name, value) => return response.header(name, value),
            Self::Body(bytes) => response.content = Content::bytes(bytes.as_slice()),
        }
        response
    }
}
