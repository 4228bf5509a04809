//! The public interface, against mpmath, against closed forms and against mathematics.

mod certified;
mod golden;
mod hard;
mod measures;
mod million;
mod noise;
mod null;
mod products;
mod properties;
mod sensitivity;
mod structured;
mod unstoppable;
