//! Texts in German and, where there is one, English.

use serde::{Deserialize, Serialize};

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// German, the language of the municipalities; every text has it.
    #[default]
    De,
    /// English; falls back to German.
    En,
}

/// A text in German and perhaps English. In files a plain string means German only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "TextForm")]
pub struct Text {
    /// German text; empty when there is none.
    pub de: String,
    /// English text, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextForm {
    Plain(String),
    Both {
        de: String,
        #[serde(default)]
        en: Option<String>,
    },
}

impl From<TextForm> for Text {
    fn from(form: TextForm) -> Self {
        match form {
            TextForm::Plain(de) => Self { de, en: None },
            TextForm::Both { de, en } => Self { de, en: en.filter(|t| !t.is_empty()) },
        }
    }
}

impl Text {
    /// A text with its German wording only.
    pub fn german(de: impl Into<String>) -> Self {
        Self { de: de.into(), en: None }
    }

    /// A text in both languages.
    pub fn both(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self { de: de.into(), en: Some(en.into()) }
    }

    /// The wording in `lang`, German where there is no other.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::De => &self.de,
            Lang::En => self.en.as_deref().unwrap_or(&self.de),
        }
    }

    /// True if nothing is written in German.
    pub fn is_empty(&self) -> bool {
        self.de.trim().is_empty()
    }
}
