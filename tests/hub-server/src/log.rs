//! What was asked and what was answered.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::http::Request;
use crate::state::lock;

/// Which of the server's two addresses was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The hub itself.
    Hub,
    /// The store of large files that it redirects to.
    Cdn,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The address that was asked.
    pub listener: Listener,
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// The path with its query, as it came.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// Whether an `Authorization` header came.
    pub authorized: bool,
    /// The status answered; 0 if the connection was closed before any.
    pub status: u16,
    /// Bytes of the body that were handed to the network.
    pub sent: u64,
}

/// Exchanges by number, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<(u64, BTreeMap<u64, Exchange>)>);

impl Log {
    /// Begins an entry and returns its number.
    pub(crate) fn begin(&self, listener: Listener, request: &Request) -> u64 {
        let mut log = lock(&self.0);
        let number = log.0;
        log.0 += 1;
        let exchange = Exchange {
            listener,
            method: request.method.clone(),
            target: request.target.clone(),
            range: request.header("range").map(str::to_owned),
            authorized: request.header("authorization").is_some(),
            status: 0,
            sent: 0,
        };
        log.1.insert(number, exchange);
        number
    }

    pub(crate) fn update(&self, number: u64, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = lock(&self.0).1.get_mut(&number) {
            change(exchange);
        }
    }

    pub(crate) fn all(&self) -> Vec<Exchange> {
        lock(&self.0).1.values().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).1.clear();
    }
}
