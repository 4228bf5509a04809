//! A finished picture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::{Error, ErrorKind};
use crate::plot::{codes, font};

/// A finished picture. The same records give the same bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Figure {
    svg: String,
}

/// The pixels of a PNG side are at most this: half a gigabyte for a whole picture.
const MAX_SIDE: f32 = 16_384.0;

/// The scale of saved PNGs: sharp on a screen of high density and in print at two columns.
const SAVED_SCALE: f32 = 2.0;

impl Figure {
    pub(crate) fn new(svg: String) -> Self {
        Self { svg }
    }

    /// The picture as an SVG document, with text as text.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The picture as a PNG of `scale` pixels per SVG unit.
    ///
    /// Text is drawn in an embedded DejaVu Sans, so that the result does not depend on the fonts of
    /// the machine. A character that it does not have is shown as its code point in brackets.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Render`] if `scale` is not a positive number, or gives less than one or more
    /// than 16384 pixels a side.
    ///
    /// # Example
    ///
    /// ```
    /// # use settling_figures::{Error, Figure};
    /// fn preview(figure: &Figure) -> Result<Vec<u8>, Error> {
    ///     figure.png(0.5)
    /// }
    /// ```
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, Error> {
        let failed = |cause: &dyn std::fmt::Display| {
            Error::caused(ErrorKind::Render, "the figure could not be rasterized", cause)
        };
        let mut fonts = fontdb::Database::new();
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(font::font())));
        let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
        let tree = Tree::from_str(&codes::with_codes(&self.svg), &options)
            .map_err(|error| failed(&error))?;

        let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
        let sides = 1.0..=MAX_SIDE;
        if !(sides.contains(&width) && sides.contains(&height)) {
            let message = format!(
                "scale {scale} gives a PNG of {width} x {height} pixels: expected 1 to {MAX_SIDE} a side"
            );
            return Err(Error::new(ErrorKind::Render, message));
        }
        let mut pixels = Pixmap::new(width.round() as u32, height.round() as u32)
            .ok_or_else(|| failed(&"out of memory"))?;
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| failed(&error))
    }

    /// Writes `<stem>.svg` and `<stem>.png` (at scale 2). Each appears whole or not at all, also
    /// after a crash, and replaces an older one. The folder must exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if a file cannot be written; the message names it.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # fn save(figure: &settling_figures::Figure) -> Result<(), settling_figures::Error> {
    /// figure.save("results/main")?; // results/main.svg, results/main.png
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, stem: impl AsRef<Path>) -> Result<(), Error> {
        let png = self.png(SAVED_SCALE)?;
        let stem = stem.as_ref();
        write_whole(stem, ".svg", self.svg.as_bytes())?;
        write_whole(stem, ".png", &png)
    }
}

/// Writes beside the target, then renames.
fn write_whole(stem: &Path, extension: &str, content: &[u8]) -> Result<(), Error> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let target = with_suffix(stem, extension);
    let unique = format!(".{}-{}.tmp", process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    let temporary = with_suffix(&target, &unique);
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &target)
    };
    write().map_err(|error| {
        // It may not exist; the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        Error::caused(ErrorKind::Io, format_args!("cannot write `{}`", target.display()), error)
    })
}

/// Appends to the file name: unlike `with_extension`, keeps the `.4b` of `pythia-1.4b`.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
