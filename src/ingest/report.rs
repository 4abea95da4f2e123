//! The report of an import: what was understood, what is wrong, where, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Notice,
    /// Should be looked at; the import goes on.
    Warning,
    /// The file is rejected.
    Error,
}

/// One problem with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// File, without its folder.
    pub file: String,
    /// Line of a text file, row of a sheet, or number of the feature, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Name or number of the column or field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

/// Problems are listed up to this number; the rest is counted.
const MAX_LISTED: usize = 1000;

/// With more errors than this a file is not read to its end: what else is wrong with it helps nobody.
const MAX_ERRORS: u64 = 100_000;

/// What an import found. `facts` are ordered pairs such as `("encoding", "windows-1252")`, `("matched", 11003)`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// File, without its folder.
    pub file: String,
    /// What was understood, in the order in which it was found.
    pub facts: serde_json::Map<String, serde_json::Value>,
    /// Problems, at most a thousand.
    pub problems: Vec<Problem>,
    /// Number of problems beyond those listed.
    pub unlisted: u64,
    /// Number of problems that reject the file.
    pub errors: u64,
    /// True once the data are stored.
    pub committed: bool,
}

impl Report {
    /// An empty report on a file.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// Notes what was understood.
    pub fn fact(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Notes a problem.
    pub fn problem(
        &mut self,
        severity: Severity,
        line: Option<u64>,
        column: Option<&str>,
        message: impl Into<String>,
    ) {
        if severity == Severity::Error {
            self.errors += 1;
        }
        if self.problems.len() >= MAX_LISTED {
            self.unlisted += 1;
            return;
        }
        self.problems.push(Problem {
            severity,
            file: self.file.clone(),
            line,
            column: column.map(str::to_owned),
            message: message.into(),
        });
    }

    /// Notes a problem that rejects the file.
    pub fn error(&mut self, line: Option<u64>, column: Option<&str>, message: impl Into<String>) {
        self.problem(Severity::Error, line, column, message);
    }

    /// Notes a problem that rejects the file; of so many that they are only counted, the sentence is not made. For
    /// sentences that take long to make, and for those that every row of a file may need.
    pub fn error_with(&mut self, line: Option<u64>, column: Option<&str>, sentence: impl FnOnce() -> String) {
        self.problem_with(Severity::Error, line, column, sentence);
    }

    /// As [`Self::error_with`], for problems of any severity.
    pub fn problem_with(
        &mut self,
        severity: Severity,
        line: Option<u64>,
        column: Option<&str>,
        sentence: impl FnOnce() -> String,
    ) {
        let listed = self.problems.len() < MAX_LISTED;
        self.problem(severity, line, column, if listed { sentence() } else { String::new() });
    }

    /// Whether the rows behind `line` are to be read. If there are too many errors already, the report says that the
    /// reading ended, in the place of the last problem that is listed.
    pub fn goes_on_behind(&mut self, line: u64) -> bool {
        if self.errors <= MAX_ERRORS {
            return true;
        }
        self.unlisted += u64::from(self.problems.len() >= MAX_LISTED);
        self.problems.truncate(MAX_LISTED - 1);
        let sentence =
            format!("There are more than {MAX_ERRORS} errors up to here; what follows was not read.");
        self.error(Some(line), None, sentence);
        false
    }

    /// Notes something that should be looked at.
    pub fn warning(&mut self, line: Option<u64>, column: Option<&str>, message: impl Into<String>) {
        self.problem(Severity::Warning, line, column, message);
    }

    /// Takes in the problems of the report on a part of the file; its facts stay with the caller.
    pub fn absorb(&mut self, part: Self) {
        let room = MAX_LISTED.saturating_sub(self.problems.len());
        self.unlisted += part.unlisted + part.problems.len().saturating_sub(room) as u64;
        self.problems.extend(part.problems.into_iter().take(room));
        self.errors += part.errors;
    }

    /// True if the file must not be stored.
    pub fn rejected(&self) -> bool {
        self.errors > 0
    }
}

/// The report as text for a terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file)?;
        for (name, value) in &self.facts {
            match value {
                serde_json::Value::String(text) => writeln!(f, "  {name}: {text}")?,
                other => writeln!(f, "  {name}: {other}")?,
            }
        }
        for p in &self.problems {
            let severity = match p.severity {
                Severity::Notice => "notice",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            write!(f, "  {severity}: {}", p.file)?;
            if let Some(line) = p.line {
                write!(f, ", line {line}")?;
            }
            if let Some(column) = &p.column {
                write!(f, ", column {column}")?;
            }
            writeln!(f, ": {}", p.message)?;
        }
        if self.unlisted > 0 {
            writeln!(f, "  … and {} more", self.unlisted)?;
        }
        let end = match (self.committed, self.rejected()) {
            (true, _) => "stored",
            (false, true) => "rejected, nothing was stored",
            (false, false) => "checked, nothing was stored",
        };
        writeln!(f, "  {end}")
    }
}
