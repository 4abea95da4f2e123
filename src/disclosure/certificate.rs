//! What is kept of the protection of a release, so that it can be checked later.
//!
//! Holds the certificate and the fingerprint of a table, and the reasons that staff read. Must not know: how protection is
//! found or judged. Never shown to the public: the numbers of primary and secondary cells tell something about the secret.
//!
//! Invariant: tables that differ in anything that matters for protection have different fingerprints.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    primary::Rule,
    table::{CellId, Show, Table},
};
use crate::domain::Policy;

/// Version of the certificate's form and of the text its fingerprint is made from.
const FORMAT: u32 = 1;

/// Why a cell is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "lowercase")]
pub enum Why {
    /// For its own sake.
    Primary {
        /// The rule that closes it.
        rule: Rule,
    },
    /// So that another cell cannot be computed.
    Secondary {
        /// A primary cell that it protects.
        protects: CellId,
    },
}

/// What is certified of a release: by which policy, of what, how much is withheld, and how well that protects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Version of this form.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// What was demanded.
    pub policy: Policy,
    /// Fingerprint of the table, by [`fingerprint`].
    pub inputs: String,
    /// Fingerprint of the pattern of suppressed cells.
    pub pattern: String,
    /// Number of cells that were to be published.
    pub cells: usize,
    /// Number of primary cells, those that are never published included.
    pub primary: usize,
    /// Number of cells withheld for the sake of others.
    pub secondary: usize,
    /// Width of the narrowest interval that an attacker finds for a primary cell, from the audit; `None` without one.
    pub narrowest: Option<u64>,
    /// Numbers of the earlier releases that were taken into account.
    pub earlier: Vec<i64>,
}

/// What a certificate does not confirm any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It was made by a program that numbers its form differently.
    #[error("the certificate has form {0}, and this program reads form {FORMAT}")]
    Format(u32),
    /// The table is not the one that was certified.
    #[error("the table is not the one that was certified")]
    Inputs,
    /// Other cells are withheld than was certified.
    #[error("other cells are withheld than was certified")]
    Pattern,
}

impl Certificate {
    /// The certificate of a table with its primary and its suppressed cells. The caller adds what the audit found and which
    /// releases were taken into account.
    pub fn new(table: &Table, primary: &[CellId], suppressed: &[CellId]) -> Self {
        let secret: BTreeSet<CellId> = primary.iter().copied().collect();
        let secondary = suppressed.iter().filter(|cell| !secret.contains(cell)).count();
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            policy: table.policy,
            inputs: fingerprint(table),
            pattern: pattern(suppressed),
            cells: table.cells.iter().filter(|c| c.show == Show::Candidate).count(),
            primary: secret.len(),
            secondary,
            narrowest: None,
            earlier: Vec::new(),
        }
    }

    /// Whether a table and its suppressed cells are what was certified. That they are safe is for the audit to say.
    ///
    /// # Errors
    /// What differs.
    pub fn recheck(&self, table: &Table, suppressed: &[CellId]) -> Result<(), CertificateError> {
        if self.format != FORMAT {
            return Err(CertificateError::Format(self.format));
        }
        if self.inputs != fingerprint(table) {
            return Err(CertificateError::Inputs);
        }
        if self.pattern != pattern(suppressed) {
            return Err(CertificateError::Pattern);
        }
        Ok(())
    }
}

/// A fingerprint of everything in a table (BLAKE3, 64 hexadecimal digits).
pub fn fingerprint(table: &Table) -> String {
    let mut text = Text::new("table");
    text.numbers("base", table.base.iter().copied());
    for cell in &table.cells {
        let terms = cell.form.terms().iter().flat_map(|(b, f)| [u64::from(*b), *f as u64]);
        text.numbers("form", terms);
        let optional = |n: Option<u64>| n.map_or([0, 0], |n| [1, n]);
        let [has_contributors, contributors] = optional(cell.contributors);
        let [has_largest, largest] = optional(cell.largest);
        let show = match cell.show {
            Show::Candidate => 0,
            Show::Known => 1,
            Show::Never => 2,
        };
        let rank = u64::from(cell.rank);
        text.numbers("cell", [show, rank, has_contributors, contributors, has_largest, largest]);
    }
    for ratio in &table.ratios {
        let shown =
            ratio.shown.map_or(vec![], |s| vec![s.value.to_bits(), u64::from(s.decimals), s.per.to_bits()]);
        text.numbers("ratio", [ratio.numerator as u64, ratio.denominator as u64].into_iter().chain(shown));
    }
    let policy = &table.policy;
    let numbers = [policy.threshold, policy.width, policy.min_denominator, u32::from(policy.zeros_public)];
    let rounding = policy.rounding_base.map(u64::from);
    let dominance = policy.dominance_k.map(f64::to_bits);
    text.numbers("policy", numbers.into_iter().map(u64::from));
    text.numbers("rounding", rounding);
    text.numbers("dominance", dominance);
    text.finish()
}

fn pattern(suppressed: &[CellId]) -> String {
    let mut cells: Vec<u64> = suppressed.iter().map(|c| *c as u64).collect();
    cells.sort_unstable();
    cells.dedup();
    let mut text = Text::new("pattern");
    text.numbers("suppressed", cells);
    text.finish()
}

/// The canonical text of a fingerprint: one line per list of numbers, each with a word before it.
struct Text(blake3::Hasher);

impl Text {
    fn new(title: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("kommunalatlas {title} {FORMAT}\n").as_bytes());
        Self(hasher)
    }

    fn numbers(&mut self, word: &str, numbers: impl IntoIterator<Item = u64>) {
        self.0.update(word.as_bytes());
        for number in numbers {
            self.0.update(format!(" {number}").as_bytes());
        }
        self.0.update(b"\n");
    }

    fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::{Cell, Form};

    fn table() -> Table {
        let cell = |terms: &[(u32, i64)]| Cell { form: Form::new(terms.iter().copied()), ..Cell::default() };
        let cells = vec![cell(&[(0, 1)]), cell(&[(1, 1)]), cell(&[(0, 1), (1, 1)])];
        Table { base: vec![2, 9], cells, ..Table::default() }
    }

    #[test]
    fn a_certificate_confirms_what_it_was_made_for_and_nothing_else() {
        let certified = Certificate::new(&table(), &[0], &[0, 1]);
        assert_eq!((certified.cells, certified.primary, certified.secondary), (3, 1, 1));
        assert_eq!(certified.recheck(&table(), &[1, 0]), Ok(()));
        assert_eq!(certified.recheck(&table(), &[0]), Err(CertificateError::Pattern));
        let mut corrected = table();
        corrected.base[1] = 8;
        assert_eq!(certified.recheck(&corrected, &[0, 1]), Err(CertificateError::Inputs));
        let later = Certificate { format: 2, ..certified };
        assert_eq!(later.recheck(&table(), &[0, 1]), Err(CertificateError::Format(2)));
    }

    #[test]
    fn a_certificate_survives_being_stored() {
        let certified =
            Certificate { narrowest: Some(4), earlier: vec![7], ..Certificate::new(&table(), &[0], &[0, 1]) };
        let text = serde_json::to_string(&certified).unwrap();
        assert_eq!(serde_json::from_str::<Certificate>(&text).unwrap(), certified);
    }

    #[test]
    fn everything_in_a_table_counts_for_its_fingerprint() {
        let changes: [fn(&mut Table); 6] = [
            |t| t.base[0] += 1,
            |t| t.cells[0].show = Show::Known,
            |t| t.cells[0].contributors = Some(0),
            |t| t.cells[0].rank = 1,
            |t| t.policy.dominance_k = Some(0.9),
            |t| t.cells[2].form = Form::new([(0, 1), (1, 2)]),
        ];
        for change in changes {
            let mut other = table();
            change(&mut other);
            assert_ne!(fingerprint(&other), fingerprint(&table()));
        }
    }
}
