//! The embedded font.

/// The only font in which figures are measured and rasterized.
pub(crate) fn font() -> &'static [u8] {
    dejavu::sans::regular()
}
