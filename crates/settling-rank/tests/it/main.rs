//! The public interface, against mpmath, against closed forms and against mathematics.

mod golden;
mod hard;
mod measures;
mod properties;
mod sensitivity;
