//! Texts that stand many times in a column, each told by a number.
//!
//! Must not know: what the texts mean. Invariant: numbers count from 0 in the order of first appearance.

use std::collections::HashMap;

/// Most different texts of a column that are told apart.
pub const MAX_NAMES: usize = 2_000_000;

/// Distinct texts of a column with the line where each stood first.
#[derive(Debug, Default)]
pub struct Names {
    ids: HashMap<Box<str>, u32>,
    list: Vec<(Box<str>, u64)>,
    last: u32,
    full: bool,
}

impl Names {
    /// The id of a text, a new one if it is new; ids count from 0. Of too many texts the ids are wrong, which
    /// [`Self::is_full`] says.
    pub fn id(&mut self, text: &str, line: u64) -> u32 {
        // Neighbouring rows mostly speak of the same thing, or of the one that also came next when it came first.
        let after = self.last as usize + 1;
        for near in [self.last, if after < self.list.len() { after as u32 } else { 0 }] {
            if self.list.get(near as usize).is_some_and(|(name, _)| &**name == text) {
                self.last = near;
                return near;
            }
        }
        self.last = self.ids.get(text).copied().unwrap_or_else(|| {
            if self.list.len() >= MAX_NAMES {
                self.full = true;
                return self.last;
            }
            let id = self.list.len() as u32;
            self.ids.insert(text.into(), id);
            self.list.push((text.into(), line));
            id
        });
        self.last
    }

    /// True if there were too many texts, so that some have the id of another.
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Texts with their first line, by id.
    pub fn list(&self) -> &[(Box<str>, u64)] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id_and_first_line() {
        let mut names = Names::default();
        assert_eq!([names.id("a", 1), names.id("b", 2), names.id("a", 3)], [0, 1, 0]);
        assert_eq!(names.list()[1], ("b".into(), 2));
    }
}
