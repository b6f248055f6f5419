//! Charts go to files of the kind that the file's ending names.

use std::path::Path;

use pliant_support::chart::plotters::prelude::*;
use pliant_support::chart::{self, Area, Chart, Drawn};

struct Line;

impl Chart for Line {
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let mut chart = chart::builder(area, "Cost & <use>").build_cartesian_2d(0.0..1.0, 0.0..2.0)?;
        chart::mesh(&mut chart, ["time", "cost"]).draw()?;
        let line = chart.draw_series(LineSeries::new([(0.0, 2.0), (1.0, 0.5)], chart::COLOURS[0]))?;
        line.label("falls");
        chart::note(area, "noted", [1000, 1000])?;
        chart::legend(&mut chart).draw()
    }
}

/// Saves a chart in the folder of temporary files, and reads it back.
fn saved(name: &str) -> Vec<u8> {
    let file = std::env::temp_dir().join(format!("pliant-{}-{name}", std::process::id()));
    chart::save(&Line, &file).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    bytes
}

/// The texts of an XML document, in which every tag must be closed and every special character escaped.
fn texts(document: &str) -> Vec<String> {
    let (mut open, mut texts) = (Vec::new(), Vec::new());
    let document = document.strip_prefix('<').unwrap();
    for piece in document.split('<') {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let plain = ["&amp;", "&lt;", "&gt;"].iter().fold(text.to_string(), |text, code| text.replace(code, ""));
        assert!(!plain.contains(['&', '>']), "{text}");
        texts.push(text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
    }
    assert!(open.is_empty(), "{open:?}");
    texts
}

#[test]
fn a_chart_in_an_svg_is_well_formed_and_its_text_is_text() {
    for name in ["chart.svg", "upper.SVG"] {
        let document = String::from_utf8(saved(name)).unwrap();
        assert!(document.starts_with("<svg width=\"1600\" height=\"1000\" "), "{document:.100}");
        let texts = texts(&document);
        for text in ["Cost & <use>", "time", "cost", "falls", "noted"] {
            assert!(texts.iter().any(|other| other == text), "{text} is not among {texts:?}");
        }
    }
}

#[test]
fn a_chart_in_a_png_is_a_picture_with_text() {
    let bytes = saved("chart.png");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let picture = image::load_from_memory(&bytes).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (1600, 1000));
    let dark = |x: u32, y: u32, width: u32, height: u32| {
        let part = image::imageops::crop_imm(&picture, x, y, width, height).to_image();
        part.pixels().filter(|pixel| pixel.0.iter().all(|&value| value < 100)).count()
    };
    assert!(dark(600, 0, 400, 55) > 300, "no title");
    assert!(dark(0, 300, 60, 400) > 50, "no name beside the axis of y");
}

#[test]
fn other_endings_are_refused_by_name() {
    for (name, ending) in [("roofline.jpg", ".jpg"), ("roofline.svg.gz", ".gz"), ("roofline", "none")] {
        let error = chart::save(&Line, Path::new(name)).unwrap_err().to_string();
        assert_eq!(error, format!("cannot write {name}: a chart's ending is .svg or .png, not {ending}"));
    }
}
