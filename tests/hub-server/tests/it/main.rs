//! The server, asked by hand and by the official Python client.

mod faults;
mod python_client;
