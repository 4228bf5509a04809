//! The public interface, against other implementations and case by case.

mod rules;
mod sweep;
mod tables;
