//! How figures are drawn: axes, panels, keys, tables and SVG. Nothing here knows what is drawn.

pub(crate) mod axis;
pub(crate) mod codes;
pub(crate) mod font;
pub(crate) mod grid;
pub(crate) mod key;
pub(crate) mod page;
pub(crate) mod palette;
pub(crate) mod panel;
pub(crate) mod stroke;
pub(crate) mod svg;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod training;
