//! Workbooks, well-formed, hostile and mutated. `tests/data/values.*` were saved by `LibreOffice` from one document.

use std::io::{Cursor, Read as _, Write as _};

use calamine::{Data, Reader as _};
use proptest::prelude::*;

use super::*;

const XLSX: &[u8] = include_bytes!("../../../../tests/data/values.xlsx");
const ODS: &[u8] = include_bytes!("../../../../tests/data/values.ods");
const XLS: &[u8] = include_bytes!("../../../../tests/data/values.xls");

/// A ZIP file.
fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook of one sheet of Excel with these rows and shared texts.
fn xlsx(rows: &str, shared: &str) -> Vec<u8> {
    let relationship = |id: &str, kind: &str, target: &str| {
        format!(r#"<Relationships><Relationship Id="{id}" Type="http://x/{kind}" Target="{target}"/>"#)
    };
    let package = relationship("r", "officeDocument", "xl/workbook.xml") + "</Relationships>";
    let book = relationship("s", "worksheet", "worksheets/sheet1.xml")
        + r#"<Relationship Id="t" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    zipped(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", package.as_bytes()),
        ("xl/workbook.xml", br#"<workbook><sheets><sheet name="A" r:id="s"/></sheets></workbook>"#),
        ("xl/_rels/workbook.xml.rels", book.as_bytes()),
        ("xl/sharedStrings.xml", shared.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// A document of one sheet of `LibreOffice` with these rows.
fn ods(rows: &str) -> Vec<u8> {
    let content = format!(r#"<a><table:table table:name="A">{rows}</table:table></a>"#);
    zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_bytes()),
    ])
}

fn rows_of(bytes: &[u8]) -> Result<Vec<(u64, Vec<SheetCell>)>, SheetError> {
    read_sheet(bytes, None).map(|sheet| sheet.rows)
}

#[test]
fn the_three_formats_of_one_document_say_the_same() {
    let read = |bytes: &'static [u8]| {
        let mut workbook = Workbook::open(bytes).unwrap();
        let names: Vec<_> = workbook.names().iter().map(|sheet| sheet.name.clone()).collect();
        assert_eq!(names, ["Hinweise", "Daten"]);
        let sheet = workbook.read("Daten").unwrap();
        (workbook.format(), sheet.rows, sheet.percentages)
    };
    let (format, rows, percentages) = read(ODS);
    assert_eq!((format, rows.len(), percentages), ("ods", 8, 3));
    assert_eq!(rows[1].1[0], SheetCell::Number(3_354_001.0));
    assert_eq!(rows[1].1[4], SheetCell::Text("geschätzt für Ä & Ö".into()));
    assert_eq!(rows[2].1[2], SheetCell::Date("2015-12-31".parse().unwrap()));
    assert_eq!(rows[2].1[3], SheetCell::Number(2382.5));
    assert_eq!(rows[5].1[3], SheetCell::Number(12.3));
    assert_eq!(read(XLSX), ("xlsx", rows.clone(), 3));
    assert_eq!(read(XLS), ("xls", rows, 3));
}

#[test]
#[expect(clippy::float_cmp, reason = "both readers read the same bits")]
fn another_reader_finds_the_same_cells() {
    let mut other: calamine::Xls<_> = calamine::Xls::new(Cursor::new(XLS)).unwrap();
    let range = other.worksheet_range("Daten").unwrap();
    let ours = read_sheet(XLS, Some("Daten")).unwrap();
    let mut compared = 0;
    for (line, cells) in &ours.rows {
        for (column, cell) in cells.iter().enumerate() {
            match (cell, range.get_value((*line as u32 - 1, column as u32))) {
                (SheetCell::Text(ours), Some(Data::String(other))) => assert_eq!(ours, other),
                (SheetCell::Number(ours), Some(Data::Float(other))) if *ours >= 100.0 => {
                    assert_eq!(ours, other);
                }
                (SheetCell::Number(ours), Some(Data::Float(other))) => {
                    assert!((ours - other * 100.0).abs() < 1e-9);
                }
                (SheetCell::Date(ours), Some(Data::DateTime(other))) => {
                    let (year, month, day, ..) = other.to_ymd_hms_milli();
                    assert_eq!(ours.to_string(), format!("{year:04}-{month:02}-{day:02}"));
                }
                (SheetCell::Empty, None | Some(Data::Empty)) => continue,
                (SheetCell::Number(ours), Some(Data::Int(other))) => assert_eq!(*ours, *other as f64),
                pair => panic!("{pair:?} in row {line}, column {column}"),
            }
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn failed_and_never_calculated_formulas_are_faults() {
    let fault = |text: &str| SheetCell::Fault(text.into());
    let rows = r#"<row r="1"><c r="A1" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="B1"><f>A2</f></c><c r="C1" t="str"><f>A2</f><v></v></c><c r="D1"><v>1</v></c></row>"#;
    let expected = vec![fault("#DIV/0!"), fault("not calculated"), SheetCell::Empty, SheetCell::Number(1.0)];
    assert_eq!(rows_of(&xlsx(rows, "<sst/>")), Ok(vec![(1, expected)]));
    let rows = r#"<table:table-row><table:table-cell calcext:value-type="error" office:value-type="string" office:string-value=""><text:p>#DIV/0!</text:p></table:table-cell><table:table-cell table:formula="of:=1"/></table:table-row>"#;
    assert_eq!(rows_of(&ods(rows)), Ok(vec![(1, vec![fault("#DIV/0!"), fault("not calculated")])]));
}

#[test]
fn texts_are_put_together_and_remarks_left_out() {
    let shared = "<sst><si><r><t>a </t></r><r><t>&amp; b</t></r><rPh><t>x</t></rPh></si></sst>";
    let rows = r#"<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>c&#x20AC;</t></is></c></row>"#;
    let expected = vec![SheetCell::Text("a & b".into()), SheetCell::Text("c€".into())];
    assert_eq!(rows_of(&xlsx(rows, shared)), Ok(vec![(1, expected)]));
    let rows = r#"<table:table-row><table:table-cell office:value-type="string"><office:annotation><text:p>x</text:p></office:annotation><text:p>a<text:s text:c="2"/>b</text:p><text:p>c</text:p></table:table-cell></table:table-row>"#;
    assert_eq!(rows_of(&ods(rows)), Ok(vec![(1, vec![SheetCell::Text("a  b\nc".into())])]));
}

#[test]
fn repetitions_of_nothing_cost_nothing_and_others_are_counted_first() {
    let row = |rows: &str, columns: &str, value: &str| {
        format!(
            r#"<table:table-row table:number-rows-repeated="{rows}"><table:table-cell table:number-columns-repeated="{columns}" {value}/></table:table-row>"#
        )
    };
    let one = r#"office:value-type="float" office:value="1""#;
    let far = row("1048575", "16384", "") + &row("1", "1", one);
    assert_eq!(rows_of(&ods(&far)), Ok(vec![(1_048_576, vec![SheetCell::Number(1.0)])]));
    for (rows, columns) in
        [("1048576", "16384"), ("1048577", "1"), ("18446744073709551615", "4000"), ("1048576", "4096")]
    {
        assert_eq!(
            rows_of(&ods(&row(rows, columns, one))),
            Err(SheetError::TooManyCells),
            "{rows} × {columns}"
        );
    }
    assert_eq!(rows_of(&ods(&row("3", "2", one))).unwrap().len(), 3);
}

#[test]
fn sizes_that_a_file_claims_are_not_believed() {
    let cell = r#"<row><c t="s"><v>0</v></c></row>"#;
    let shared = r#"<sst count="9" uniqueCount="9999999999999999"><si><t>a</t></si></sst>"#;
    assert_eq!(rows_of(&xlsx(cell, shared)).unwrap().len(), 1);
    for place in ["ZZZZZZZZ1", "A99999999999", "XFE1", "A1048577"] {
        assert!(
            rows_of(&xlsx(&format!(r#"<row><c r="{place}"><v>1</v></c></row>"#), "<sst/>")).is_err(),
            "{place}"
        );
    }
    // A compound file whose chain of sectors is a ring.
    let mut ring = XLS.to_vec();
    let table = 512 * (1 + usize::try_from(compound::u32_at(XLS, 76).unwrap()).unwrap());
    for sector in 0..128_u32 {
        let at = table + 4 * sector as usize;
        ring[at..at + 4].copy_from_slice(&sector.to_le_bytes());
    }
    assert!(matches!(rows_of(&ring), Err(SheetError::Damaged(_))));
}

#[test]
fn entities_long_texts_and_many_members_are_refused() {
    let laughs = r#"<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><sst><si><t>&b;</t></si></sst>"#;
    assert!(matches!(rows_of(&xlsx("", laughs)), Err(SheetError::Damaged(_))));
    let long = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(3 << 20));
    assert_eq!(rows_of(&xlsx("", &long)), Err(SheetError::TooLarge));
    let deep = "<x>".repeat(300_000);
    assert!(rows_of(&xlsx(&deep, "<sst/>")).is_err());
    let many = [b"PK\x03\x04".as_slice(), &b"PK\x01\x02".repeat(30_000)].concat();
    assert_eq!(rows_of(&many), Err(SheetError::TooLarge));
    let text = "<a>1</a>".repeat(100);
    let mut part = xml::XmlPart::new(text.as_bytes(), 300);
    let end = std::iter::repeat_with(|| part.next().map(|_| ())).find(Result::is_err);
    assert_eq!(end, Some(Err(SheetError::TooLarge)));
}

#[test]
fn two_cells_in_one_place_are_refused_and_rows_may_come_in_any_order() {
    let twice = r#"<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>"#;
    assert!(matches!(rows_of(&xlsx(twice, "<sst/>")), Err(SheetError::Damaged(_))));
    let twice = r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>"#;
    assert_eq!(rows_of(&xlsx(twice, "<sst/>")).unwrap()[0], (1, vec![SheetCell::Number(2.0)]));
}

/// A record of an old workbook.
fn biff(kind: u16, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), &data].concat()
}

/// A workbook of Excel 5 or 95 (BIFF5) with the sheet `Über` of these records.
fn excel_95(cells: &[Vec<u8>]) -> Vec<u8> {
    let begin = |kind: u16| biff(0x0809, &[&0x0500_u16.to_le_bytes(), &kind.to_le_bytes(), &[0; 4]]);
    let format = |number: u16| biff(0x00E0, &[&[0; 2], &number.to_le_bytes(), &[0; 12]]);
    let globals = |sheet: u32| {
        [
            begin(5),
            biff(0x0042, &[&1252_u16.to_le_bytes()]),
            biff(0x041E, &[&164_u16.to_le_bytes(), &[5], b"0.0 %"]),
            format(0),
            format(164),
            biff(0x0085, &[&sheet.to_le_bytes(), &[0, 0], &[4], b"\xDCber"]),
            biff(0x000A, &[]),
        ]
        .concat()
    };
    let start = globals(0).len() as u32;
    let mut stream = [globals(start), begin(0x10), cells.concat(), biff(0x000A, &[])].concat();
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    compound_file("Book", &stream)
}

/// A compound file of one stream: a table of sectors, a directory, the stream.
fn compound_file(name: &str, stream: &[u8]) -> Vec<u8> {
    const END: u32 = 0xFFFF_FFFE;
    let sectors = (stream.len() / 512) as u32;
    let mut head = [compound::MAGIC, &[0; 16], &[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0], &[0; 10]].concat();
    for number in [1, 1, 0, 4096, END, 0, END, 0, 0] {
        head.extend(u32::to_le_bytes(number));
    }
    head.resize(512, 0xFF);
    let mut table = [0xFFFF_FFFD, END].map(u32::to_le_bytes).concat();
    table.extend((3..2 + sectors).chain([END]).flat_map(u32::to_le_bytes));
    table.resize(512, 0xFF);
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: u32| {
        let mut entry: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let length = entry.len() as u16;
        entry.resize(64, 0);
        entry.extend(length.to_le_bytes());
        entry.extend([kind, 1]);
        entry.extend([u32::MAX, u32::MAX, child].map(u32::to_le_bytes).concat());
        entry.resize(116, 0);
        entry.extend([start, size, 0].map(u32::to_le_bytes).concat());
        entry
    };
    let mut directory =
        [entry("Root Entry", 5, 1, END, 0), entry(name, 2, u32::MAX, 2, stream.len() as u32)].concat();
    directory.resize(512, 0);
    [&head, &table, &directory, stream].concat()
}

/// Row, column and format of a cell.
fn place(row: u16, column: u16, format: u16) -> Vec<u8> {
    [row, column, format].map(u16::to_le_bytes).concat()
}

#[test]
fn a_workbook_of_excel_95_is_read_by_its_code_page() {
    let file = excel_95(&[
        biff(0x0204, &[&place(0, 0, 0), &[7, 0], b"Schl\xFCss"]),
        biff(0x0203, &[&place(0, 1, 0), &2382.5_f64.to_le_bytes()]),
        biff(0x027E, &[&place(1, 0, 0), &((7_u32 << 2) | 2).to_le_bytes()]),
        biff(0x0203, &[&place(1, 1, 1), &0.125_f64.to_le_bytes()]),
    ]);
    let sheet = read_sheet(&file, None).unwrap();
    let text = SheetCell::Text("Schlüss".into());
    let rows = vec![
        (1, vec![text, SheetCell::Number(2382.5)]),
        (2, vec![SheetCell::Number(7.0), SheetCell::Number(12.5)]),
    ];
    assert_eq!((sheet.name.as_str(), sheet.rows, sheet.percentages), ("Über", rows, 1));
    let mut other: calamine::Xls<_> = calamine::Xls::new(Cursor::new(&file)).unwrap();
    let range = other.worksheet_range("Über").unwrap();
    assert_eq!(range.get_value((0, 0)), Some(&Data::String("Schlüss".into())));
    assert_eq!(range.get_value((0, 1)), Some(&Data::Float(2382.5)));
    let newer = file.windows(4).position(|bytes| bytes == [0, 5, 5, 0]).unwrap();
    let mut older = file;
    older[newer + 1] = 4;
    assert!(read_sheet(&older, None).unwrap_err().to_string().contains("older than Excel 5"));
}

#[test]
fn two_members_of_one_name_are_refused() {
    let good = zipped(&[("a.csv", b"1"), ("b.csv", b"2")]);
    let mut twice = good;
    for at in 0..twice.len() - 5 {
        if twice[at..].starts_with(b"b.csv") {
            twice[at] = b'a';
        }
    }
    assert_eq!(Archive::open(&twice).err(), Some(SheetError::TwoMembers));
}

/// The member of a ZIP file.
fn member(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut content = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// The file with another content of one member.
fn with_member(bytes: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let contents: Vec<_> =
        names.iter().map(|n| if n == name { content.to_vec() } else { member(bytes, n) }).collect();
    let members: Vec<(&str, &[u8])> =
        names.iter().zip(&contents).map(|(n, c)| (n.as_str(), c.as_slice())).collect();
    zipped(&members)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Edits at places: how many bytes are taken out, what is put in.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[<>/\"a-z0-9:=. &;-]{0,8}"), 1..6)
}

proptest! {
    #[test]
    fn mutated_workbooks_never_panic(
        which in 0..3_usize,
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let mut file = [XLSX, ODS, XLS][which].to_vec();
        for (at, byte) in bytes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if cut {
            file.truncate(end.index(file.len()));
        }
        if let Ok(mut workbook) = Workbook::open(&file) {
            for name in workbook.names().to_vec() {
                let _ = workbook.read(&name.name);
            }
        }
    }

    #[test]
    fn numbers_of_mutated_old_workbooks_stand_in_them(
        old in any::<bool>(),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let number = |at: u16| biff(0x0203, &[&place(at, 1, at % 2), &(f64::from(at) / 8.0).to_le_bytes()]);
        let mut file = if old { excel_95(&(0..20).map(number).collect::<Vec<_>>()) } else { XLS.to_vec() };
        for (at, byte) in bytes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let Ok(stream) = compound::stream(&file, &["Workbook", "Book"]) else { return Ok(()) };
        let Ok(mut workbook) = Workbook::open(&file) else { return Ok(()) };
        // Whatever eight bytes say as a float, and four as a short number.
        let floats = stream.windows(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
        let short = stream.windows(4).map(|bytes| xls::rk(u32::from_le_bytes(bytes.try_into().unwrap())));
        let mut stored: Vec<f64> = floats.chain(short).filter(|number| number.is_finite()).collect();
        stored.sort_unstable_by(f64::total_cmp);
        let holds = |number: f64| {
            let at = stored.partition_point(|stored| *stored < number - number.abs() * 1e-12);
            stored.get(at).is_some_and(|stored| *stored <= number + number.abs() * 1e-12)
        };
        for name in workbook.names().to_vec() {
            let Ok(sheet) = workbook.read(&name.name) else { continue };
            for cell in sheet.rows.iter().flat_map(|(_, cells)| cells) {
                if let SheetCell::Number(value) = cell && value.abs() < 1e300 {
                    // One that is shown as a percentage is kept as people see it.
                    prop_assert!(holds(*value) || holds(*value / 100.0), "{value}");
                }
            }
        }
    }

    #[test]
    fn numbers_of_mutated_sheets_stand_in_them(is_ods in any::<bool>(), edits in edits()) {
        let (file, name) = if is_ods { (ODS, "content.xml") } else { (XLSX, "xl/worksheets/sheet2.xml") };
        let mut content = String::from_utf8(member(file, name)).unwrap();
        for (at, remove, insert) in edits {
            let at = (0..=at.index(content.len())).rev().find(|at| content.is_char_boundary(*at)).unwrap_or(0);
            let end = (at..=content.len()).find(|end| *end >= at + remove && content.is_char_boundary(*end));
            content.replace_range(at..end.unwrap_or(content.len()), &insert);
        }
        let file = with_member(file, name, content.as_bytes());
        let all = digits(&content);
        let Ok(sheet) = read_sheet(&file, Some("Daten")) else { return Ok(()) };
        for cell in sheet.rows.iter().flat_map(|(_, cells)| cells) {
            if let SheetCell::Number(value) = cell && value.abs() < 1e15 && value.abs() > 1e-9 {
                let number = digits(&value.to_string());
                prop_assert!(all.contains(number.trim_matches('0')), "{value} in {content}");
            }
        }
    }
}
