//! Requests to the hub.

mod connection;
mod remote;
mod tree;

pub(crate) use connection::{Connection, Failure};
pub(crate) use remote::{Kind, Remote};
