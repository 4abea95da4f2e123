//! Somebody at a terminal: a folder with files, a store, and commands that are typed.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{files, places::Place};

/// A person with a folder and a store, which is set in the environment.
pub struct Person {
    folder: tempfile::TempDir,
    pub store: String,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Person {
    /// Runs a test with a store that is a file and does not exist yet.
    pub fn with_file(test: impl FnOnce(&Self)) {
        let place = Place::file();
        test(&Self::at(&place));
    }

    /// Runs a test with a database on the server for tests, if there is one.
    pub fn with_database(test: impl FnOnce(&Self)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let Some(place) = runtime.block_on(Place::server()) else { return };
        test(&Self::at(&place));
        runtime.block_on(place.clear());
    }

    fn at(place: &Place) -> Self {
        Self::with_store(place.location.clone())
    }

    /// Somebody whose store lies there.
    pub fn with_store(location: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: location }
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The program with arguments, in the folder, with nothing of the tester's own configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kommunalatlas"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KOMMUNALATLAS_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path()).env("KOMMUNALATLAS_STORE", &self.store).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Types a line; words are separated by white space.
    pub fn types(&self, line: &str) -> Done {
        let words: Vec<&str> = line.split_whitespace().collect();
        Done::of(self.command(&words).output().unwrap())
    }

    /// Types a line and sends a text to the command's input.
    pub fn pipes(&self, line: &str, input: &str) -> Done {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut child = self.command(&words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Done::of(child.wait_with_output().unwrap())
    }

    /// Types a line that must work; what it printed.
    pub fn succeeds(&self, line: &str) -> String {
        let done = self.types(line);
        assert_eq!(done.status, Some(0), "{line}\n{done:?}");
        done.out
    }

    /// Types a line that must end with a status and a sentence with all these words on standard error.
    pub fn fails(&self, line: &str, status: i32, words: &[&str]) {
        let done = self.types(line);
        assert_eq!(done.status, Some(status), "{line}\n{done:?}");
        assert!(done.out.is_empty(), "{line}\n{done:?}");
        for word in words {
            assert!(done.err.contains(word), "'{word}' is missing after '{line}': {}", done.err);
        }
    }

    /// The hash of the store's content, as `check` prints it.
    pub fn content(&self) -> String {
        let text = self.succeeds("check");
        let first = text.lines().next().and_then(|line| line.strip_prefix("store: content "));
        first.unwrap_or_else(|| panic!("check printed: {text}")).to_owned()
    }

    /// Types an import that must be rejected without any trace in the store; its report.
    pub fn rejected(&self, line: &str) -> Report {
        let before = self.content();
        let done = self.types(&format!("{line} --report json"));
        assert_eq!(done.status, Some(3), "{line}\n{done:?}");
        let report: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(report["committed"], false, "{report}");
        assert!(report["errors"].as_u64().is_some_and(|n| n > 0), "{report}");
        assert_eq!(self.content(), before, "{line} changed the store");
        let text = self.types(line);
        assert_eq!(text.status, Some(3), "{line}");
        assert!(text.out.ends_with("rejected, nothing was stored\n"), "{}", text.out);
        Report { report, text: text.out }
    }

    /// An atlas `a` with Kreise, Gemeinden and a small catalogue, without values.
    pub fn prepares_atlas(&self) {
        self.write("kreise.geojson", files::kreise());
        self.write("gemeinden.geojson", files::gemeinden());
        self.write("catalogue.toml", files::catalogue());
        self.succeeds("atlas create a --title Testkreis --required-indicators 2");
        self.succeeds(
            "import boundaries kreise.geojson --atlas a --level kreis --key AGS --name GEN --edition 2019-12-31",
        );
        self.succeeds(&format!("import boundaries gemeinden.geojson {}", files::GEMEINDEN_FLAGS));
        self.succeeds("import catalogue catalogue.toml --atlas a");
    }
}

/// The report of a rejected file, both forms.
#[derive(Debug)]
pub struct Report {
    pub report: Value,
    pub text: String,
}

impl Report {
    /// The first error is at this line and column, and its sentence has these words; the text says the same.
    pub fn says(&self, line: Option<u64>, column: Option<&str>, words: &[&str]) {
        let problems = self.report["problems"].as_array().unwrap();
        let error = problems.iter().find(|p| p["severity"] == "error").unwrap();
        assert_eq!(error["line"].as_u64(), line, "{error}");
        assert_eq!(error["column"].as_str(), column, "{error}");
        let message = error["message"].as_str().unwrap();
        for word in words {
            assert!(message.contains(word), "'{word}' is missing: {message}");
        }
        let file = self.report["file"].as_str().unwrap();
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
        let place = format!("error: {file}{line}{column}");
        assert!(self.text.contains(&format!("{place}: {message}")), "{}", self.text);
    }
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
