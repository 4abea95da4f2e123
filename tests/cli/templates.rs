//! Templates that go out, are filled and come back; the delivery list behind them.

use calamine::{Data, Reader as _, Xlsx};
use rust_xlsxwriter::Workbook;
use serde_json::Value;

use crate::{files, on_both_stores, person::Person};

/// A cell: sheet, row and column from 0.
type Place<'a> = (&'a str, usize, usize);

/// Copies a workbook cell by cell, as another program would save it, with the cells that `fill` changes.
fn filled(person: &Person, from: &str, to: &str, fill: impl Fn(Place<'_>, &[Vec<Data>]) -> Option<Data>) {
    let mut book: Xlsx<_> = calamine::open_workbook(person.path(from)).unwrap();
    let mut copy = Workbook::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).unwrap();
        let (height, width) =
            range.end().map_or((0, 0), |(row, column)| (row as usize + 1, column as usize + 1));
        let at = |row: usize, column: usize| {
            range.get_value((row as u32, column as u32)).cloned().unwrap_or_default()
        };
        let cells: Vec<Vec<Data>> =
            (0..height).map(|row| (0..width).map(|column| at(row, column)).collect()).collect();
        let sheet = copy.add_worksheet().set_name(&name).unwrap();
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let (r, c) = (row as u32, column as u16);
            match fill((&name, row, column), &cells).unwrap_or_else(|| cells[row][column].clone()) {
                Data::Float(number) => _ = sheet.write(r, c, number).unwrap(),
                Data::String(text) => _ = sheet.write_string(r, c, text).unwrap(),
                _ => {}
            }
        }
    }
    copy.save(person.path(to)).unwrap();
}

/// The name of a cell's column, below the header.
fn column_of(place: Place<'_>, cells: &[Vec<Data>]) -> Option<String> {
    let (sheet, row, column) = place;
    let names = cells.iter().position(|row| row.contains(&Data::String("kommunalatlas:key".into())))?;
    (sheet == "Werte" && row > names).then(|| cells[names][column].to_string())
}

/// An atlas with values of two years and a template for the third.
fn template(person: &Person) {
    person.prepares_atlas();
    person.write("population.csv", files::long("population"));
    person.succeeds("import values population.csv --atlas a --level gemeinde");
    let said = person.succeeds(
        "template bogen.xlsx --atlas a --level gemeinde --period 2021 --indicator population,day-care-rate,draft",
    );
    assert_eq!(said, "bogen.xlsx asks for 3 indicators of 2021\n");
}

/// Population by row, one sign and one gap; the rate by its counts; nothing for the draft.
fn answer(place: Place<'_>, cells: &[Vec<Data>]) -> Option<Data> {
    let row = place.1 as f64;
    match (column_of(place, cells)?.as_str(), place.1) {
        ("population:value", 6) => Some(Data::String(".".into())),
        ("population:value", 7) => None,
        ("population:value", _) => Some(Data::Float(1000.0 + row)),
        ("population:last", _) => Some(Data::Float(-1.0)),
        ("day-care-rate:numerator", _) => Some(Data::Float(row)),
        ("day-care-rate:denominator", _) => Some(Data::Float(40.0)),
        _ => None,
    }
}

fn report(person: &Person, line: &str) -> Value {
    serde_json::from_str(&person.succeeds(&format!("{line} --report json"))).unwrap()
}

on_both_stores! {
    fn a_filled_template_comes_back_without_a_mapping(person: &Person) {
        template(person);
        filled(person, "bogen.xlsx", "voll.xlsx", answer);
        let said = report(person, "import values voll.xlsx --atlas a");
        assert_eq!(said["facts"]["template"], "gemeinde 2021", "{said}");
        assert_eq!((&said["facts"]["series_new"], &said["facts"]["matched"]), (&2.into(), &8.into()), "{said}");
        assert_eq!(said["facts"]["signs"]["."], 1, "{said}");
        let messages: Vec<&str> =
            said["problems"].as_array().unwrap().iter().filter_map(|p| p["message"].as_str()).collect();
        assert!(messages.contains(&"Nothing was filled in for 'draft'; it is left out."), "{messages:?}");
        assert!(messages.contains(&"1 regions are empty for 'population' and count as missing."), "{messages:?}");
        person.succeeds("release day-care-rate population --atlas a --level gemeinde");
        person.succeeds("atlas open a");
        let server = crate::server::Server::start(person, "");
        let rows = server.get("/a/values/gemeinde/day-care-rate/2021.json").json();
        let first = rows["rows"].as_array().unwrap().iter().find(|row| row["key"] == "03354001").unwrap().clone();
        assert_eq!(first["value"], 15.0, "6 of 40: {rows}");
        let rows = server.get("/a/values/gemeinde/population/2021.json").json();
        let values: Vec<&Value> = rows["rows"].as_array().unwrap().iter().map(|row| &row["value"]).collect();
        assert_eq!(values.iter().filter(|value| value.is_null()).count(), 2, "{rows}");
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn a_template_shows_what_is_known_and_asks_for_the_rest() {
    Person::with_file(|person| {
        template(person);
        let mut book: Xlsx<_> = calamine::open_workbook(person.path("bogen.xlsx")).unwrap();
        let names =
            ["Werte", "Indikator 1", "Indikator 2", "Indikator 3", "Zeichenerklärung", "_kommunalatlas"];
        assert_eq!(book.sheet_names(), names);
        let range = book.worksheet_range("Werte").unwrap();
        let text = |row: u32, column: u32| range.get_value((row, column)).map(ToString::to_string);
        assert_eq!(text(0, 0).as_deref(), Some("Erhebungsbogen: Testkreis · Gemeinden · 2021"));
        assert_eq!(text(4, 2).as_deref(), Some("2020 (bisher)"));
        assert_eq!(text(6, 0).as_deref(), Some("03354001"));
        assert_eq!(text(6, 1).as_deref(), Some("Gebiet 03354001"));
        assert_eq!(text(6, 2).as_deref(), Some("1020"));
        person.fails(
            "template bogen.xlsx --atlas a --level gemeinde --period 2021 --indicator population",
            1,
            &["bogen.xlsx exists already"],
        );
        for (line, words) in [
            ("--level gemeinde --period 2021 --indicator nichts", "no indicator 'nichts'"),
            ("--level dorf --period 2021 --indicator population", "no level 'dorf'"),
            ("--level gemeinde --period 2021 --department Amt", "'Amt' owes nothing"),
        ] {
            person.fails(&format!("template neu.xlsx --atlas a {line}"), 1, &[words]);
        }
        person.fails("template neu.xlsx --atlas a --level gemeinde --period 2021", 2, &["--indicator"]);
        person.succeeds(
            "template e.xlsx --atlas a --level gemeinde --period 2021 --indicator population --lang en",
        );
        let book: Xlsx<_> = calamine::open_workbook(person.path("e.xlsx")).unwrap();
        assert_eq!(book.sheet_names()[..2], ["Values", "Indicator 1"]);
    });
}

#[test]
fn a_template_that_does_not_fit_is_refused() {
    Person::with_file(|person| {
        template(person);
        filled(person, "bogen.xlsx", "voll.xlsx", answer);
        let line = "import values voll.xlsx --atlas a";
        person.rejected(&format!("{line} --level kreis")).says(
            None,
            None,
            &["level gemeinde", "not for kreis"],
        );
        person.rejected(&format!("{line} --period 2022")).says(None, None, &["period 2021", "not for 2022"]);
        person.rejected("import values bogen.xlsx --atlas a").says(None, None, &["the template is empty"]);
        filled(person, "bogen.xlsx", "fremd.xlsx", |place, cells| {
            match (column_of(place, cells)?.as_str(), place.1) {
                ("kommunalatlas:key", 8) => Some(Data::String("99999999".into())),
                _ => answer(place, cells),
            }
        });
        person.rejected("import values fremd.xlsx --atlas a").says(
            Some(9),
            Some("kommunalatlas:key"),
            &["'99999999' is not in level"],
        );
        filled(person, "bogen.xlsx", "ohne.xlsx", |place, cells| {
            let cell = &cells[place.1][place.2];
            let gone = place.0 == "Werte" && *cell == Data::String("population:value".into());
            if gone { Some(Data::Empty) } else { answer(place, cells) }
        });
        person.rejected("import values ohne.xlsx --atlas a").says(
            Some(6),
            None,
            &["'population:value' is gone"],
        );
        filled(person, "bogen.xlsx", "kopf.xlsx", |place, cells| match place {
            ("_kommunalatlas", 4, 1) => Some(Data::String("2022".into())),
            _ => answer(place, cells),
        });
        person.rejected("import values kopf.xlsx --atlas a").says(None, None, &["was changed", "anew"]);
        person.succeeds("atlas create b");
        person.rejected("import values voll.xlsx --atlas b").says(None, None, &["atlas 'a', not for 'b'"]);
        let later = files::GEMEINDEN_FLAGS.replace("2019", "2020");
        person.succeeds(&format!("import boundaries gemeinden.geojson {later}"));
        person.rejected(line).says(None, None, &["2019-12-31", "2020-12-31 are in force"]);
        person.write("plain.csv", files::long("population"));
        person.fails("import values plain.csv --atlas a", 2, &["--level"]);
    });
}

#[test]
fn the_delivery_list_says_what_is_owed_and_what_has_come() {
    Person::with_file(|person| {
        template(person);
        person.write(
            "liste.csv",
            "Amt;Indikator;Ebene;Zeitraum;Frist\nJugendamt;population;gemeinde;2021;31.05.2022\n\
             Jugendamt;day-care-rate;gemeinde;2021;2999-05-31\nSchulamt;draft;gemeinde;2021;2022-05-31\n",
        );
        let said = report(person, "delivery import liste.csv --atlas a");
        assert_eq!((&said["committed"], &said["facts"]["deliveries"]), (&true.into(), &3.into()), "{said}");
        let states = |person: &Person, filter: &str| -> Vec<String> {
            let list = person.succeeds(&format!("delivery list --atlas a {filter}"));
            list.lines().map(|line| line.split('\t').collect::<Vec<_>>()[2..4].join(" ")).collect()
        };
        assert_eq!(states(person, ""), ["overdue population", "open day-care-rate", "overdue draft"]);
        assert_eq!(states(person, "--department Schulamt"), ["overdue draft"]);
        assert_eq!(states(person, "--due-before 2022-06-01").len(), 2);
        let made = "template amt.xlsx --atlas a --level gemeinde --period 2021 --department Jugendamt";
        assert_eq!(person.succeeds(made), "amt.xlsx asks for 2 indicators of 2021\n");
        filled(person, "amt.xlsx", "voll.xlsx", answer);
        person.succeeds("import values voll.xlsx --atlas a");
        assert_eq!(states(person, ""), ["partly, late population", "arrived day-care-rate", "overdue draft"]);
        let list = person.succeeds("delivery list --atlas a --report json");
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!((&list[0]["regions_delivered"], &list[0]["regions"]), (&7.into(), &8.into()), "{list}");
        assert_eq!(list[1]["due"], "2999-05-31", "{list}");
        person.succeeds(
            "delivery set --atlas a --level gemeinde --period 2022 --department Amt --due 2023-01-31 draft",
        );
        assert_eq!(
            person.succeeds("delivery remove --atlas a --level gemeinde --period 2021"),
            "3 removed\n"
        );
        assert_eq!(states(person, ""), ["overdue draft"]);
    });
}

#[test]
fn a_faulty_delivery_list_is_refused_with_every_problem() {
    Person::with_file(|person| {
        person.prepares_atlas();
        person.write(
            "liste.csv",
            "department;indicator;level;period;due\nAmt;population;gemeinde;2021;bald\nAmt;nichts;gemeinde;2021;2022-05-31\n\
             ;population;dorf;jetzt;2022-05-31\nAmt;draft;gemeinde;2021;2022-05-31\nAmt;draft;gemeinde;2021;2022-05-31\n",
        );
        let report = person.rejected("delivery import liste.csv --atlas a");
        report.says(Some(2), Some("due"), &["'bald' is no date"]);
        assert_eq!(report.report["errors"], 6, "{}", report.text);
        person.write("ohne.csv", "department;indicator\nAmt;draft\n");
        person.rejected("delivery import ohne.csv --atlas a").says(
            None,
            None,
            &["No row has the headers", "department, indicator"],
        );
        person.fails(
            "delivery set --atlas a --level dorf --period 2022 --department Amt --due 2023-01-31 draft",
            1,
            &["dorf"],
        );
    });
}
