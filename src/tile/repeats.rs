//! Finds where the geometry of regions repeats that of borders: every border is part of the outline of its regions,
//! on one side in the same direction, that is with the same bytes.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::Range,
};

/// Shortest repeat that takes less room as a reference than as literals.
const SHORTEST: usize = 6;

/// Longest repeat that DEFLATE can express.
const LONGEST: usize = 258;

/// A part of a feature's geometry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Bytes that stand for themselves.
    Literals(Range<usize>),
    /// The same bytes as in the borders from `from`.
    Repeat { at: usize, len: usize, from: usize },
}

/// The last place of every short run of bytes in the borders.
pub(super) struct Borders<'a> {
    bytes: &'a [u8],
    places: HashMap<u64, usize, BuildHasherDefault<MixBits>>,
}

impl<'a> Borders<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, places: bytes.windows(SHORTEST).enumerate().map(|(at, run)| (key(run), at)).collect() }
    }

    /// Cuts a geometry into literals and repeats. A repeat begins at or after `nearest` in the borders, since a
    /// reference reaches only so far; `nearest` gives it for a place in the geometry.
    pub(super) fn tokens(&self, geometry: &[u8], nearest: impl Fn(usize) -> usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        let (mut literals, mut at) = (0, 0);
        while let Some(run) = geometry.get(at..at + SHORTEST) {
            let Some(&from) = self.places.get(&key(run)).filter(|&&from| from >= nearest(at)) else {
                at += 1;
                continue;
            };
            let same = self.bytes[from..].iter().zip(&geometry[at..]).take(LONGEST);
            let len = same.take_while(|(a, b)| a == b).count();
            if literals < at {
                tokens.push(Token::Literals(literals..at));
            }
            tokens.push(Token::Repeat { at, len, from });
            at += len;
            literals = at;
        }
        if literals < geometry.len() {
            tokens.push(Token::Literals(literals..geometry.len()));
        }
        tokens
    }
}

/// The bytes of a short run as one number.
fn key(run: &[u8]) -> u64 {
    run.iter().fold(0, |key, &byte| key << 8 | u64::from(byte))
}

/// Hashes a number by one multiplication. Values and geometry come from an import that was checked, nobody gains by
/// making them collide, and the usual hasher costs more than all the rest of a join.
#[derive(Default)]
pub(super) struct MixBits(u64);

impl Hasher for MixBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, bits: u64) {
        // Short decimals have zeros in their low bits; folding the wide product spreads the high ones over all.
        let product = u128::from(self.0 ^ bits) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_found_between_literals_unless_it_lies_too_far_back() {
        let borders = Borders::new(b"..abcdefgh..");
        let tokens = |nearest| borders.tokens(b"xxabcdefghyy", |_| nearest);
        let repeat = Token::Repeat { at: 2, len: 8, from: 2 };
        assert_eq!(tokens(2), [Token::Literals(0..2), repeat, Token::Literals(10..12)]);
        assert_eq!(tokens(3)[0], Token::Literals(0..3));
        assert_eq!(tokens(100), [Token::Literals(0..12)]);
    }
}
