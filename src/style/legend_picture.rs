//! Legends as pictures: SVG from the same [`Legend`] that is served as JSON, and PNG from that SVG.
//!
//! Everything that the JSON says stands in the picture: classes with their colours, limits and counts, the signs of
//! regions without a number with their hatches, remark and source.

use std::fmt::Write;

use quick_xml::escape::escape;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};

use crate::{
    domain::Lang,
    style::{
        ColourScheme, Hatch, Legend, LegendStatus, StyleError, format_number, format_period, symbols::Look,
    },
};

/// Width of a legend in pixels.
const WIDTH: f64 = 320.0;
/// Distance from the edge.
const MARGIN: f64 = 12.0;
/// Height of a line of text.
const LINE: f64 = 18.0;
/// Width and height of a swatch.
const SWATCH: (f64, f64) = (26.0, 14.0);
/// Distance between a swatch and its text.
const GAP: f64 = 10.0;
/// Room for the counts at the right edge.
const COUNTS: f64 = 44.0;
/// Mean width of a letter of Noto Sans, in parts of its size; a little more than in running German text.
const LETTER: f64 = 0.56;

/// Sizes of the letters.
const TITLE_SIZE: f64 = 14.0;
const TEXT_SIZE: f64 = 12.0;
const SMALL_SIZE: f64 = 10.5;

/// The legend as an SVG document of 320 pixels width, in letters of Noto Sans or what the reader has instead.
///
/// # Errors
/// If a file that is built into the program is damaged.
pub fn legend_svg(legend: &Legend, scheme: ColourScheme, lang: Lang) -> Result<String, StyleError> {
    let look = Look::of(scheme)?;
    let radii = legend.classes.iter().filter_map(|class| class.radius);
    // All texts begin where the largest circle leaves room for them.
    let swatches = radii.map(|radius| 2.0 * radius + 2.0).fold(SWATCH.0, f64::max);
    let mut page = Page { body: String::new(), y: MARGIN, swatches, look: &look };
    page.paragraph(&legend.title, TITLE_SIZE, "600");
    page.paragraph(&subtitle(legend, lang), TEXT_SIZE, "400");
    page.y += 6.0;
    for class in &legend.classes {
        let swatch = match class.radius {
            Some(radius) => Swatch::Circle(radius, &class.color),
            None => Swatch::Area(&class.color, None),
        };
        page.row(&swatch, &class.label, class.count, lang);
    }
    if !legend.statuses.is_empty() {
        page.y += 6.0;
    }
    for status in &legend.statuses {
        let hatch = status.hatch.as_ref().map(|_| status.status);
        page.row(&Swatch::Area(&status.color, hatch), status.label, status.count, lang);
    }
    page.y += 4.0;
    if let Some(note) = &legend.note {
        page.paragraph(note, SMALL_SIZE, "400");
    }
    let source = match lang {
        Lang::De => "Quelle: ",
        Lang::En => "Source: ",
    };
    page.paragraph(&format!("{source}{}", legend.source), SMALL_SIZE, "400");
    let height = page.y + MARGIN - 4.0;
    let language = match lang {
        Lang::De => "de",
        Lang::En => "en",
    };
    let (title, definitions) = (escape(&legend.title), patterns(legend));
    Ok(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" xml:lang="{language}" font-family="Noto Sans, sans-serif" fill="{text}"><title>{title}</title><defs>{definitions}</defs><rect width="{WIDTH}" height="{height}" fill="{halo}"/>{body}</svg>"#,
        text = look.text,
        halo = look.halo,
        body = page.body,
    ))
}

/// The legend as PNG, `scale` pixels of the image for one of the SVG, in the fonts whose files are given.
///
/// # Errors
/// If a file that is built into the program is damaged.
pub fn legend_png<'a>(
    svg: &str,
    scale: u8,
    fonts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, StyleError> {
    let mut options = Options::default();
    for font in fonts {
        options.fontdb_mut().load_font_data(font.to_vec());
    }
    let damaged = |error: &dyn std::fmt::Display| StyleError::Embedded(error.to_string());
    let tree = Tree::from_str(svg, &options).map_err(|e| damaged(&e))?;
    let scale = f32::from(scale);
    let size = tree.size().to_int_size().scale_by(scale).ok_or_else(|| damaged(&"a legend of no size"))?;
    let image = Pixmap::new(size.width(), size.height());
    let mut image = image.ok_or_else(|| damaged(&"a legend of no size"))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut image.as_mut());
    image.encode_png().map_err(|e| damaged(&e))
}

/// The hatches as SVG patterns `hatch-STATUS`.
fn patterns(legend: &Legend) -> String {
    let pattern = |status: &LegendStatus| {
        let Hatch { size, width, path, color } = status.hatch.as_ref()?;
        Some(format!(
            r#"<pattern id="hatch-{}" width="{size}" height="{size}" patternUnits="userSpaceOnUse"><path d="{path}" fill="none" stroke="{color}" stroke-width="{width}"/></pattern>"#,
            status.status
        ))
    };
    legend.statuses.iter().filter_map(pattern).collect()
}

/// Unit and period.
fn subtitle(legend: &Legend, lang: Lang) -> String {
    let period = format_period(&legend.period, lang);
    if legend.unit.is_empty() { period } else { format!("{}, {period}", legend.unit) }
}

/// What stands before a line of a legend.
enum Swatch<'a> {
    /// A region of a colour, and the hatch over it.
    Area(&'a str, Option<&'a str>),
    /// A circle of a radius and a colour.
    Circle(f64, &'a str),
}

/// A picture that grows downwards.
struct Page<'a> {
    body: String,
    y: f64,
    /// Width of the column of swatches.
    swatches: f64,
    look: &'a Look,
}

impl Page<'_> {
    /// Text over the whole width, in as many lines as it takes.
    fn paragraph(&mut self, text: &str, size: f64, weight: &str) {
        for line in lines(text, WIDTH - 2.0 * MARGIN, size) {
            self.y += size * 1.35;
            self.text(MARGIN, &line, size, weight, "start");
        }
    }

    /// A swatch, what it means, and how many regions there are of it.
    fn row(&mut self, swatch: &Swatch<'_>, label: &str, count: usize, lang: Lang) {
        let left = MARGIN + self.swatches + GAP;
        let label = lines(label, WIDTH - left - MARGIN - COUNTS, TEXT_SIZE);
        let text_height = LINE * label.len().max(1) as f64;
        let height = match swatch {
            Swatch::Circle(radius, _) => text_height.max(2.0 * radius + 4.0),
            Swatch::Area(..) => text_height,
        };
        self.swatch(swatch, self.y + height / 2.0);
        let top = self.y + (height - text_height) / 2.0;
        let bottom = self.y + height;
        for (at, line) in label.iter().enumerate() {
            self.y = top + LINE * at as f64 + 13.0;
            if at == 0 {
                let count = format_number(count as f64, 0, lang);
                self.text(WIDTH - MARGIN, &count, TEXT_SIZE, "400", "end");
            }
            self.text(left, line, TEXT_SIZE, "400", "start");
        }
        self.y = bottom;
    }

    fn swatch(&mut self, swatch: &Swatch<'_>, middle: f64) {
        let (width, height) = SWATCH;
        let (x, top) = (MARGIN + (self.swatches - width) / 2.0, middle - height / 2.0);
        let border = &self.look.text;
        let _ = match swatch {
            Swatch::Circle(radius, colour) => write!(
                self.body,
                r#"<circle cx="{}" cy="{middle}" r="{radius}" fill="{colour}" stroke="{border}" stroke-opacity="0.4"/>"#,
                MARGIN + self.swatches / 2.0,
            ),
            Swatch::Area(colour, hatch) => {
                let area = |fill: &str| {
                    format!(
                        r#"<rect x="{x}" y="{top}" width="{width}" height="{height}" fill="{fill}" stroke="{border}" stroke-opacity="0.4"/>"#
                    )
                };
                let hatch = hatch.map(|name| area(&format!("url(#hatch-{name})")));
                write!(self.body, "{}{}", area(colour), hatch.unwrap_or_default())
            }
        };
    }

    fn text(&mut self, x: f64, text: &str, size: f64, weight: &str, anchor: &str) {
        let (y, text) = (self.y, escape(text));
        let _ = write!(
            self.body,
            r#"<text x="{x}" y="{y:.1}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">{text}</text>"#
        );
    }
}

/// The lines of a text that is at most so wide, broken between words. A longer word stands alone.
fn lines(text: &str, width: f64, size: f64) -> Vec<String> {
    let most = (width / (size * LETTER)) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{IndicatorKind, Method},
        style::LegendClass,
    };

    fn sample() -> Legend {
        let class = |class: u8, color: &str| LegendClass {
            class,
            lower: f64::from(class),
            upper: f64::from(class) + 1.0,
            color: color.to_owned(),
            radius: None,
            label: format!("über {class} bis {}", class + 1),
            count: 1234,
        };
        Legend {
            title: "Kinder unter 3 Jahren in <Tagesbetreuung> & Kindertagespflege, Anteil an allen Kindern"
                .into(),
            unit: "%".into(),
            kind: IndicatorKind::Share,
            method: Method::Quantile,
            decimals: 1,
            period: "2019..2021".parse().unwrap(),
            classes: vec![class(0, "#ffeecc"), class(1, "#aa4400")],
            statuses: vec![LegendStatus {
                status: "suppressed",
                label: "aus Datenschutzgründen nicht ausgewiesen",
                color: "#8c9196".into(),
                hatch: Some(Hatch { size: 8, width: 1, path: "M0,4 H8".into(), color: "#000000".into() }),
                count: 2,
            }],
            note: None,
            source: "Landesamt für Statistik".into(),
            gvf: 0.9,
        }
    }

    #[test]
    fn the_picture_shows_colours_labels_counts_signs_and_the_source() {
        let svg = legend_svg(&sample(), ColourScheme::Light, Lang::De).unwrap();
        for part in [
            "#ffeecc",
            "#aa4400",
            "über 1 bis 2",
            ">1.234<",
            "url(#hatch-suppressed)",
            "Quelle: Landesamt für Statistik",
            "2019–2021",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn texts_cannot_become_elements() {
        let svg = legend_svg(&sample(), ColourScheme::Dark, Lang::En).unwrap();
        assert!(svg.contains("&lt;Tagesbetreuung&gt;") && !svg.contains("<Tagesbetreuung>"));
    }

    #[test]
    fn the_image_has_the_colour_of_each_class_where_its_swatch_is() {
        let svg = legend_svg(&sample(), ColourScheme::Light, Lang::De).unwrap();
        let image = Pixmap::decode_png(&legend_png(&svg, 2, []).unwrap()).unwrap();
        assert_eq!(image.width(), 640);
        let x = 2 * (MARGIN + SWATCH.0 / 2.0) as u32;
        let column = (0..image.height()).filter_map(|y| image.pixel(x, y));
        let colours: Vec<_> = column.map(|p| (p.red(), p.green(), p.blue())).collect();
        assert!(colours.contains(&(0xff, 0xee, 0xcc)) && colours.contains(&(0xaa, 0x44, 0x00)));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("eins zwei drei", 10.0 * 10.0 * LETTER, 10.0), ["eins zwei", "drei"]);
        assert_eq!(lines("", 100.0, 10.0), [""; 0]);
    }
}
