//! Prefilled templates (XLSX): one sheet to fill, with keys, names and the latest values; the sheet of each indicator; the
//! signs; and, hidden, what the template is about.
//!
//! Must not know: how it comes back. Invariant: only the cells that are asked for can be changed; everything that the
//! program needs to read it again is ordinary text in cells.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format, FormatAlign,
    FormatBorder, Formula, Workbook, Worksheet, utility::row_col_to_cell,
};

use super::ExtractError;
use crate::{
    atlas::{Row, View},
    domain::{
        Indicator, Lang, Level, Period, PeriodKind, Region, Slug, Status, TEMPLATE_KEY, TEMPLATE_NAME,
        TEMPLATE_SHEET, TemplateHead, TemplatePart, Text, neutralised,
    },
};

/// What a template asks for.
#[derive(Debug, Clone)]
pub struct TemplateRequest {
    /// Level of the regions.
    pub level: Slug,
    /// Period of the values.
    pub period: Period,
    /// Indicators, in the order of their columns.
    pub indicators: Vec<Indicator>,
    /// Who is asked, as people call the department.
    pub department: Option<String>,
    /// The day by which the values are due.
    pub due_on: Option<NaiveDate>,
    /// Language of the texts.
    pub lang: Lang,
    /// When the template is made.
    pub made_at: DateTime<Utc>,
}

/// Rows of the sheet to fill, from 0.
const TITLE_ROW: u32 = 0;
const HINT_ROW: u32 = 1;
const DUE_ROW: u32 = 2;
const INDICATOR_ROW: u32 = 3;
const PART_ROW: u32 = 4;
const NAMES_ROW: u32 = 5;
const FIRST_ROW: u32 = 6;

/// First column behind key and name.
const FIRST_COLUMN: u16 = 2;

/// Width of the column of long texts, in characters.
const TEXT_WIDTH: usize = 90;

/// More columns than this are no longer filled by people.
const MAX_INDICATORS: usize = 200;

/// Texts of a template.
struct Words {
    values: &'static str,
    signs: &'static str,
    indicator: &'static str,
    title: &'static str,
    hint: &'static str,
    ratio_hint: &'static str,
    department: &'static str,
    due: &'static str,
    key: &'static str,
    name: &'static str,
    last: &'static str,
    no_last: &'static str,
    value: &'static str,
    numerator: &'static str,
    denominator: &'static str,
    wrong_title: &'static str,
    wrong: &'static str,
    sign: &'static str,
    meaning: &'static str,
    machine: &'static str,
}

const GERMAN: Words = Words {
    values: "Werte",
    signs: "Zeichenerklärung",
    indicator: "Indikator",
    title: "Erhebungsbogen",
    hint: "Bitte nur die weißen Felder ausfüllen: eine Zahl oder ein Zeichen (siehe Blatt „Zeichenerklärung“). Leere Felder gelten als nicht geliefert.",
    ratio_hint: " Stehen Zähler und Nenner da, wird der Wert daraus berechnet und kann leer bleiben.",
    department: "Zuständig",
    due: "abzugeben bis",
    key: "Schlüssel",
    name: "Gebiet",
    last: "bisher",
    no_last: "bisher: keiner",
    value: "Wert",
    numerator: "Zähler",
    denominator: "Nenner",
    wrong_title: "Keine Zahl",
    wrong: "Das ist weder eine Zahl noch eines der Zeichen - . ... / x * (siehe Blatt „Zeichenerklärung“). Trotzdem übernehmen?",
    sign: "Zeichen",
    meaning: "Bedeutung",
    machine: "Dieses Blatt liest das Programm. Bitte nicht ändern.",
};

const ENGLISH: Words = Words {
    values: "Values",
    signs: "Signs",
    indicator: "Indicator",
    title: "Data request",
    hint: "Please fill in the white cells only: a number or a sign (see the sheet “Signs”). Empty cells count as not delivered.",
    ratio_hint: " Where numerator and denominator are given, the value is derived from them and may stay empty.",
    department: "Responsible",
    due: "due by",
    key: "Key",
    name: "Region",
    last: "so far",
    no_last: "so far: none",
    value: "value",
    numerator: "numerator",
    denominator: "denominator",
    wrong_title: "Not a number",
    wrong: "This is neither a number nor one of the signs - . ... / x * (see the sheet “Signs”). Keep it all the same?",
    sign: "Sign",
    meaning: "Meaning",
    machine: "This sheet is read by the program. Please do not change it.",
};

/// The signs that a cell may hold, with their meaning in German and English.
const SIGNS: [(&str, &str, &str); 9] = [
    ("-", "genau null", "exactly zero"),
    ("0", "weniger als die Hälfte der kleinsten Einheit", "less than half of the smallest unit"),
    (".", "unbekannt oder geheim zu halten", "unknown or to be kept secret"),
    ("...", "liegt noch nicht vor", "not yet available"),
    ("/", "nicht veröffentlicht, weil zu unsicher", "not published, too uncertain"),
    ("x", "nicht sinnvoll", "not meaningful"),
    ("*", "aus Gründen des Datenschutzes gesperrt", "withheld for reasons of privacy"),
    ("(12)", "Aussagewert eingeschränkt", "of limited value"),
    ("12p · 12r · 12s", "vorläufig · berichtigt · geschätzt", "preliminary · revised · estimated"),
];

/// Makes a template from what a caller sees of an atlas.
///
/// # Errors
/// If the atlas has no such level with boundaries, no indicator is asked for, or the store cannot be read.
pub async fn template(view: &View, request: &TemplateRequest) -> Result<Vec<u8>, ExtractError> {
    let unknown = |sentence: String| Err(ExtractError::Unknown(sentence));
    if request.indicators.is_empty() || request.indicators.len() > MAX_INDICATORS {
        return unknown(format!("a template has 1 to {MAX_INDICATORS} indicators"));
    }
    let Some(boundaries) = view.boundaries(request.level.as_str(), None) else {
        return unknown(format!("the atlas has no level '{}' with boundaries", request.level));
    };
    let regions = boundaries.counting_regions().await?;
    let mut latest = Vec::with_capacity(request.indicators.len());
    for indicator in &request.indicators {
        latest.push(latest_values(view, request, &indicator.slug).await?);
    }
    let words = match request.lang {
        Lang::De => &GERMAN,
        Lang::En => &ENGLISH,
    };
    let head = TemplateHead {
        atlas: view.slug().clone(),
        level: request.level.clone(),
        edition: boundaries.edition().row.valid_on,
        period: request.period.clone(),
        sheet: words.values.to_owned(),
        indicators: request.indicators.iter().map(|i| (i.slug.clone(), i.kind.is_ratio())).collect(),
    };
    let level = &boundaries.edition().level;
    Ok(Book { request, words, regions, latest, head, level, title: view.title() }.write()?)
}

/// The values of the period before the one that is asked for.
struct Latest {
    period: Period,
    rows: HashMap<String, Row>,
}

async fn latest_values(
    view: &View,
    request: &TemplateRequest,
    indicator: &Slug,
) -> Result<Option<Latest>, ExtractError> {
    let levels = view.levels_of(indicator);
    let layers = levels.iter().filter(|of| of.level.slug == request.level).flat_map(|of| of.layers);
    let before = layers
        .map(|layer| &layer.period)
        .filter(|period| period.kind() != PeriodKind::Forecast && **period < request.period)
        .max();
    let Some(period) = before else { return Ok(None) };
    let level = request.level.as_str();
    let Some(layer) = view.layer(level, indicator.as_str(), &period.to_string(), None) else {
        return Ok(None);
    };
    let rows = layer.rows().await?.into_iter().map(|row| (row.key.to_string(), row)).collect();
    Ok(Some(Latest { period: period.clone(), rows }))
}

/// A template on its way to a file.
struct Book<'a> {
    request: &'a TemplateRequest,
    words: &'static Words,
    regions: Vec<Region>,
    /// By indicator.
    latest: Vec<Option<Latest>>,
    head: TemplateHead,
    level: &'a Level,
    title: &'a Text,
}

/// How cells look, and which of them can be changed.
struct Look {
    title: Format,
    plain: Format,
    heading: Format,
    machine: Format,
    key: Format,
    input: Format,
}

impl Look {
    fn new() -> Self {
        let line = || Format::new().set_border(FormatBorder::Thin).set_border_color(Color::RGB(0x00B8_C0C8));
        let grey = Color::RGB(0x00EE_F1F4);
        let heading = line()
            .set_bold()
            .set_text_wrap()
            .set_align(FormatAlign::VerticalCenter)
            .set_background_color(Color::RGB(0x00D5_E3EF));
        Self {
            title: Format::new().set_bold().set_font_size(14),
            plain: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            heading,
            machine: Format::new().set_font_size(7).set_font_color(Color::Gray),
            key: line().set_num_format("@").set_background_color(grey),
            input: line().set_unlocked(),
        }
    }

    /// A value that is there already: grey, locked, with the decimals of its indicator.
    fn known(&self, indicator: &Indicator) -> Format {
        let decimals = "0".repeat(usize::from(indicator.decimals));
        let form = if decimals.is_empty() { "#,##0".to_owned() } else { format!("#,##0.{decimals}") };
        self.key
            .clone()
            .set_num_format(form)
            .set_font_color(Color::RGB(0x005A_6472))
            .set_align(FormatAlign::Right)
    }
}

impl Book<'_> {
    fn write(&self) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
        let mut book = Workbook::new();
        let made =
            ExcelDateTime::parse_from_str(&self.request.made_at.format("%Y-%m-%dT%H:%M:%S").to_string())?;
        let title = format!("{}: {}", self.words.title, self.text(self.title));
        book.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made));
        let look = Look::new();
        self.write_values(book.add_worksheet(), &look)?;
        for (number, indicator) in (1..).zip(&self.request.indicators) {
            self.write_sheet_of(indicator, number, book.add_worksheet(), &look)?;
        }
        self.write_signs(book.add_worksheet(), &look)?;
        self.write_head(book.add_worksheet())?;
        book.save_to_buffer()
    }

    fn text(&self, text: &Text) -> String {
        neutralised(text.get(self.request.lang)).into_owned()
    }

    fn period(&self, period: &Period) -> String {
        period_words(period, self.request.lang)
    }

    fn write_values(&self, sheet: &mut Worksheet, look: &Look) -> Result<(), rust_xlsxwriter::XlsxError> {
        let words = self.words;
        sheet.set_name(words.values)?;
        let title = [self.text(self.title), self.text(&self.level.title), self.period(&self.request.period)];
        sheet.write_with_format(
            TITLE_ROW,
            0,
            format!("{}: {}", words.title, title.join(" · ")),
            &look.title,
        )?;
        let ratio = self.request.indicators.iter().any(|indicator| indicator.kind.is_ratio());
        let hint = format!("{}{}", words.hint, if ratio { words.ratio_hint } else { "" });
        sheet.write(HINT_ROW, 0, hint)?;
        sheet.write(DUE_ROW, 0, self.due())?;
        sheet.write_with_format(PART_ROW, 0, words.key, &look.heading)?;
        sheet.write_with_format(PART_ROW, 1, words.name, &look.heading)?;
        sheet.write_with_format(NAMES_ROW, 0, TEMPLATE_KEY, &look.machine)?;
        sheet.write_with_format(NAMES_ROW, 1, TEMPLATE_NAME, &look.machine)?;
        for (row, region) in (FIRST_ROW..).zip(&self.regions) {
            sheet.write_with_format(row, 0, region.key.as_str(), &look.key)?;
            sheet.write_with_format(row, 1, &*neutralised(&region.name), &look.key)?;
        }
        let mut column = FIRST_COLUMN;
        for (indicator, latest) in self.request.indicators.iter().zip(&self.latest) {
            column = self.write_indicator(sheet, look, column, indicator, latest.as_ref())?;
        }
        sheet.set_column_width(0, 12)?.set_column_width(1, 34)?;
        sheet.set_row_height(INDICATOR_ROW, 48)?.set_row_height(PART_ROW, 32)?;
        sheet.set_row_hidden(NAMES_ROW)?;
        sheet.set_freeze_panes(FIRST_ROW, FIRST_COLUMN)?;
        sheet.set_selection(FIRST_ROW, FIRST_COLUMN + 1, FIRST_ROW, FIRST_COLUMN + 1)?;
        sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
        sheet.set_repeat_rows(INDICATOR_ROW, PART_ROW)?;
        sheet.protect();
        Ok(())
    }

    fn due(&self) -> String {
        let words = self.words;
        let department = self.request.department.as_ref().map(|d| format!("{}: {d}", words.department));
        let due =
            self.request.due_on.and_then(Period::date).map(|d| format!("{} {}", words.due, self.period(&d)));
        neutralised(&department.into_iter().chain(due).collect::<Vec<_>>().join(" · ")).into_owned()
    }

    /// The columns of an indicator; returns the first one behind them.
    fn write_indicator(
        &self,
        sheet: &mut Worksheet,
        look: &Look,
        first: u16,
        indicator: &Indicator,
        latest: Option<&Latest>,
    ) -> Result<u16, rust_xlsxwriter::XlsxError> {
        let words = self.words;
        let asked = TemplatePart::asked(indicator.kind.is_ratio());
        let last = first + asked.len() as u16;
        let heading = format!("{} ({})", self.text(&indicator.title), indicator.unit.get(self.request.lang));
        sheet.merge_range(INDICATOR_ROW, first, INDICATOR_ROW, last, &heading, &look.heading)?;
        let before = latest.map_or_else(
            || words.no_last.to_owned(),
            |latest| format!("{} ({})", self.period(&latest.period), words.last),
        );
        sheet.write_with_format(PART_ROW, first, before, &look.heading)?;
        sheet.write_with_format(
            NAMES_ROW,
            first,
            TemplatePart::Last.column(&indicator.slug),
            &look.machine,
        )?;
        let known = look.known(indicator);
        for (row, region) in (FIRST_ROW..).zip(&self.regions) {
            let cell = latest.and_then(|latest| latest.rows.get(region.key.as_str()));
            match cell.map(|cell| (cell.value, cell.status)) {
                Some((Some(value), _)) => sheet.write_with_format(row, first, value, &known)?,
                Some((None, status)) => sheet.write_with_format(row, first, sign(status), &known)?,
                None => sheet.write_blank(row, first, &known)?,
            };
        }
        for (column, part) in (first + 1..).zip(asked) {
            let name = match part {
                TemplatePart::Numerator => words.numerator,
                TemplatePart::Denominator => words.denominator,
                TemplatePart::Value | TemplatePart::Last => words.value,
            };
            let name = format!("{} {name}", self.period(&self.request.period));
            sheet.write_with_format(PART_ROW, column, name, &look.heading)?;
            sheet.write_with_format(NAMES_ROW, column, part.column(&indicator.slug), &look.machine)?;
            self.write_inputs(sheet, look, column)?;
        }
        sheet.set_column_range_width(first, last, 14)?;
        Ok(last + 1)
    }

    /// Empty cells that take a number or a sign.
    fn write_inputs(
        &self,
        sheet: &mut Worksheet,
        look: &Look,
        column: u16,
    ) -> Result<(), rust_xlsxwriter::XlsxError> {
        let Some(last) = (FIRST_ROW..).zip(&self.regions).map(|(row, _)| row).last() else { return Ok(()) };
        for row in FIRST_ROW..=last {
            sheet.write_blank(row, column, &look.input)?;
        }
        let cell = row_col_to_cell(FIRST_ROW, column);
        let signs = ["-", ".", "...", "/", "x", "*"].map(|sign| format!("{cell}=\"{sign}\"")).join(",");
        let rule = DataValidation::new()
            .allow_custom(Formula::new(format!("=OR(ISNUMBER({cell}),{signs})")))
            .set_error_style(DataValidationErrorStyle::Warning)
            .set_error_title(self.words.wrong_title)?
            .set_error_message(self.words.wrong)?;
        sheet.add_data_validation(FIRST_ROW, column, last, column, &rule)?;
        Ok(())
    }

    /// The description of an indicator.
    fn write_sheet_of(
        &self,
        indicator: &Indicator,
        number: usize,
        sheet: &mut Worksheet,
        look: &Look,
    ) -> Result<(), rust_xlsxwriter::XlsxError> {
        sheet.set_name(format!("{} {number}", self.words.indicator))?;
        sheet.write_with_format(0, 0, self.text(&indicator.title), &look.title)?;
        let of = &indicator.sheet;
        let fields = [
            ("Einheit", "Unit", &indicator.unit),
            ("Definition", "Definition", &of.definition),
            ("Berechnung", "Calculation", &of.calculation),
            ("Zähler", "Numerator", &of.numerator),
            ("Nenner", "Denominator", &of.denominator),
            ("Quelle", "Source", &of.source),
            ("Bevölkerungsgrundlage", "Population basis", &of.population_basis),
            ("Ortsprinzip", "Place principle", &of.place_principle),
            ("Stichtag oder Zeitraum", "Reference date", &of.reference_date),
            ("Lesehilfe", "Interpretation", &of.interpretation),
            ("Grenzen der Aussage", "Limits", &of.limits),
            ("Kontakt", "Contact", &of.contact),
            ("Nutzungsbedingungen", "Licence", &of.licence),
            ("Aktualisierung", "Update cycle", &of.update_cycle),
        ];
        let present = fields.iter().filter(|(_, _, text)| !text.is_empty());
        for (row, (de, en, text)) in (2..).zip(present) {
            let name = if self.request.lang == Lang::De { de } else { en };
            sheet.write_with_format(row, 0, *name, &look.heading)?;
            let text = self.text(text);
            sheet.set_row_height(row, height_of(&text))?;
            sheet.write_with_format(row, 1, text, &look.plain)?;
        }
        sheet.set_column_width(0, 26)?.set_column_width(1, TEXT_WIDTH as f64)?;
        sheet.set_paper_size(9).set_print_fit_to_pages(1, 0).protect();
        Ok(())
    }

    fn write_signs(&self, sheet: &mut Worksheet, look: &Look) -> Result<(), rust_xlsxwriter::XlsxError> {
        sheet.set_name(self.words.signs)?;
        sheet.write_with_format(0, 0, self.words.sign, &look.heading)?;
        sheet.write_with_format(0, 1, self.words.meaning, &look.heading)?;
        for (row, (sign, de, en)) in (1..).zip(SIGNS) {
            sheet.write_with_format(row, 0, sign, &look.key)?;
            sheet.write(row, 1, if self.request.lang == Lang::De { de } else { en })?;
        }
        sheet.set_column_width(0, 18)?.set_column_width(1, 60)?.protect();
        Ok(())
    }

    fn write_head(&self, sheet: &mut Worksheet) -> Result<(), rust_xlsxwriter::XlsxError> {
        sheet.set_name(TEMPLATE_SHEET)?;
        for (row, (name, value)) in (0..).zip(self.head.rows()) {
            sheet.write_string(row, 0, name)?;
            sheet.write_string(row, 1, value)?;
        }
        sheet.write(0, 3, self.words.machine)?;
        sheet.set_hidden(true).protect();
        Ok(())
    }
}

/// Height in points of a row whose text wraps in a column of [`TEXT_WIDTH`]; not every program finds it by itself.
fn height_of(text: &str) -> f64 {
    let lines = text.lines().map(|line| line.chars().count() / (TEXT_WIDTH - 10) + 1).sum::<usize>();
    15.0 * lines.max(1) as f64
}

/// The sign of a value that is not there.
const fn sign(status: Status) -> &'static str {
    match status {
        Status::Suppressed => "*",
        Status::NotApplicable | Status::NotMeaningful => "x",
        Status::NotYetAvailable => "...",
        Status::Unreliable => "/",
        Status::Unknown => ".",
        _ => "",
    }
}

/// A period as people write it.
fn period_words(period: &Period, lang: Lang) -> String {
    let (start, end) = (period.start(), period.end());
    match (period.kind(), lang) {
        (PeriodKind::Date, Lang::De) => start.format("%d.%m.%Y").to_string(),
        (PeriodKind::Month, Lang::De) => start.format("%m/%Y").to_string(),
        (PeriodKind::Quarter, Lang::De) => {
            let quarter = (chrono::Datelike::month(&start) - 1) / 3 + 1;
            format!("{quarter}. Quartal {}", start.format("%Y"))
        }
        (PeriodKind::SchoolYear, _) => format!("{}/{}", start.format("%Y"), end.format("%y")),
        (PeriodKind::Pool, _) => format!("{}–{}", start.format("%Y"), end.format("%Y")),
        _ => period.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_written_as_people_write_them() {
        let words = |slug: &str| period_words(&slug.parse().unwrap(), Lang::De);
        assert_eq!(words("2023"), "2023");
        assert_eq!(words("2023-03-01"), "01.03.2023");
        assert_eq!(words("2023-Q3"), "3. Quartal 2023");
        assert_eq!(words("2022-08..2023-07"), "2022/23");
        assert_eq!(words("2019..2023"), "2019–2023");
    }

    #[test]
    fn every_status_without_a_number_that_is_known_has_a_sign() {
        for status in
            Status::ALL.into_iter().filter(|status| !status.has_value() && *status != Status::Missing)
        {
            assert!(!sign(status).is_empty(), "{status:?}");
        }
    }
}
