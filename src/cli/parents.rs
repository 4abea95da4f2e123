//! The parents of `import boundaries`: which flag belongs to which `--parent-level` follows from their order.

use clap::{ArgMatches, Error, error::ErrorKind, parser::ValueSource};

use crate::{
    domain::Slug,
    ingest::boundaries::{ParentKey, ParentRule},
};

/// What was given after one `--parent-level`.
struct Draft {
    level: Slug,
    at: usize,
    prefix: Option<usize>,
    key: Option<String>,
    field: Option<String>,
}

/// The rules of the flags, in their order; none for other commands.
///
/// # Errors
/// If a flag stands before the first `--parent-level`, or a level lacks its rule or has two.
pub(super) fn rules(matches: &ArgMatches) -> Result<Vec<ParentRule>, Error> {
    let boundaries = matches.subcommand_matches("import").and_then(|m| m.subcommand_matches("boundaries"));
    let Some(matches) = boundaries else { return Ok(Vec::new()) };
    let level = |(at, level)| Draft { level, at, prefix: None, key: None, field: None };
    let mut drafts: Vec<Draft> = given(matches, "parent_level").map(level).collect();
    for (at, prefix) in given(matches, "parent_prefix") {
        *slot(&mut drafts, at, |d| &mut d.prefix)? = Some(prefix);
    }
    for (at, key) in given(matches, "parent_key") {
        *slot(&mut drafts, at, |d| &mut d.key)? = Some(key);
    }
    for (at, field) in given(matches, "parent_field") {
        *slot(&mut drafts, at, |d| &mut d.field)? = Some(field);
    }
    drafts.into_iter().map(rule).collect()
}

/// The values of a flag with their places on the command line.
fn given<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    id: &str,
) -> impl Iterator<Item = (usize, T)> {
    let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
    let places = matches.indices_of(id).filter(|_| typed).into_iter().flatten();
    let values = matches.get_many::<T>(id).into_iter().flatten().cloned();
    places.zip(values).collect::<Vec<_>>().into_iter()
}

/// Where a flag at a place of the command line belongs: the last level before it.
fn slot<T>(
    drafts: &mut [Draft],
    at: usize,
    part: impl Fn(&mut Draft) -> &mut Option<T>,
) -> Result<&mut Option<T>, Error> {
    let draft = drafts.iter_mut().rev().find(|d| d.at < at);
    let draft = draft
        .ok_or_else(|| wrong("give --parent-level before --parent-prefix, --parent-key or --parent-field"))?;
    let level = draft.level.clone();
    let slot = part(draft);
    match slot {
        Some(_) => Err(wrong(&format!("--parent-level {level} has the same flag twice"))),
        None => Ok(slot),
    }
}

fn rule(draft: Draft) -> Result<ParentRule, Error> {
    let key = match (draft.prefix, draft.key, draft.field) {
        (Some(len @ 1..=40), of, None) => ParentKey::Prefix { of, len },
        (None, None, Some(field)) => ParentKey::Field(field),
        _ => {
            let level = draft.level;
            return Err(wrong(&format!(
                "--parent-level {level} needs either --parent-prefix LENGTH (1 to 40), perhaps with --parent-key FIELD, \
                 or --parent-field FIELD"
            )));
        }
    };
    Ok(ParentRule { level: draft.level, key })
}

fn wrong(sentence: &str) -> Error {
    Error::raw(ErrorKind::ArgumentConflict, format!("{sentence}\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn read(flags: &str) -> Result<Vec<ParentRule>, Error> {
        let start =
            "kommunalatlas import boundaries f.geojson --atlas a --level gemeinde --key AGS --name GEN";
        rules(&Cli::command().try_get_matches_from(start.split(' ').chain(flags.split_whitespace())).unwrap())
    }

    #[test]
    fn each_flag_belongs_to_the_level_before_it() {
        let rules = read(
            "--parent-level sg --parent-prefix 9 --parent-key RS --parent-level kreis --parent-prefix 5",
        )
        .unwrap();
        let prefix = |of: Option<&str>, len| ParentKey::Prefix { of: of.map(str::to_owned), len };
        let key = |level: &str| rules.iter().find(|r| r.level.as_str() == level).unwrap().key.clone();
        assert_eq!((key("sg"), key("kreis")), (prefix(Some("RS"), 9), prefix(None, 5)));
    }

    #[test]
    fn a_level_without_a_rule_and_a_rule_without_a_level_are_refused() {
        for flags in
            ["--parent-level sg", "--parent-prefix 5", "--parent-level sg --parent-prefix 5 --parent-field F"]
        {
            assert!(read(flags).is_err(), "{flags}");
        }
        assert!(read("").unwrap().is_empty());
    }
}
