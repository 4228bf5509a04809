//! Pictures as files: SVG and PNG.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs, process};

use settling_figures::{ErrorKind, main_figure};

use crate::study::{STEPS, curves, parse, records, tables};

/// The width, height and RGBA pixels of a PNG.
fn decode(png: &[u8]) -> (u32, u32, Vec<[u8; 4]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut bytes).expect("a whole picture");
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    let pixels = bytes[..info.buffer_size()].chunks_exact(4);
    (
        info.width,
        info.height,
        pixels.map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect(),
    )
}

/// A folder of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("settling-figures-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.0).expect("the folder can be read");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| name(entry.expect("an entry"))).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_png_has_the_size_and_the_colors_of_the_figure() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let figure = main_figure(&tables(&records(&names, &STEPS))).expect("a figure");
    let svg = parse(&figure);
    let side = |name| -> f32 {
        let side = svg.root_element().attribute(name).expect("a size");
        side.parse().expect("a number")
    };
    let (width, height, pixels) = decode(&figure.png(1.5).expect("a PNG"));
    assert_eq!(
        (width, height),
        ((side("width") * 1.5).round() as u32, (side("height") * 1.5).round() as u32)
    );
    assert!(pixels.iter().all(|pixel| pixel[3] == 255), "the page is opaque");

    // Nothing but the titles of the columns is this high up.
    let top = &pixels[..(width * 24) as usize];
    assert!(top.iter().any(|pixel| pixel[0] < 100), "the text is missing");

    let colors: BTreeSet<[u8; 4]> = pixels.into_iter().collect();
    assert!(colors.contains(&[255; 4]));
    for name in names {
        let markers = curves(&svg, name).last().and_then(|curve| curve.last_element_child());
        let fill = markers.and_then(|markers| markers.attribute("fill")).expect("a fill");
        let channel = |at: usize| u8::from_str_radix(&fill[at..at + 2], 16).expect("a color");
        assert!(colors.contains(&[channel(1), channel(3), channel(5), 255]), "{name}: {fill}");
    }
}

#[test]
fn a_scale_without_a_picture_is_an_error() {
    let figure = main_figure(&tables(&records(&["m"], &STEPS))).expect("a figure");
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-6, 100.0] {
        let error = figure.png(scale).expect_err("no such picture");
        assert_eq!(error.kind(), ErrorKind::Render);
        assert!(error.to_string().starts_with(&format!("scale {scale} ")), "{error}");
    }
}

#[test]
fn saving_writes_two_files_and_replaces_older_ones() {
    let folder = Folder::new("save");
    let figure = main_figure(&tables(&records(&["m"], &STEPS))).expect("a figure");
    // A dot in the stem is part of the name, not an extension.
    let stem = folder.0.join("pythia-1.4b");
    fs::write(folder.0.join("pythia-1.4b.svg"), "old").expect("an older file");
    figure.save(&stem).expect("saved");
    assert_eq!(
        folder.files(),
        BTreeSet::from(["pythia-1.4b.png".into(), "pythia-1.4b.svg".into()])
    );
    let svg = fs::read_to_string(folder.0.join("pythia-1.4b.svg")).expect("the SVG");
    assert_eq!(svg, figure.svg());
    let png = fs::read(folder.0.join("pythia-1.4b.png")).expect("the PNG");
    assert_eq!(png, figure.png(2.0).expect("a PNG"));
}

#[test]
fn a_failed_save_names_the_path_and_leaves_nothing() {
    let folder = Folder::new("failed");
    let figure = main_figure(&tables(&records(&["m"], &STEPS))).expect("a figure");
    // A folder in the place of the file: the rename fails after the writing.
    let occupied = folder.0.join("main.svg");
    fs::create_dir_all(occupied.join("inside")).expect("a folder");
    let error = figure.save(folder.0.join("main")).expect_err("the name is taken");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(&occupied.display().to_string()), "{error}");
    assert_eq!(folder.files(), BTreeSet::from(["main.svg".into()]));
}
