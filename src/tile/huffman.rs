//! A Huffman code for single bytes in the format of DEFLATE (RFC 1951), so that pieces of one block can be coded in
//! advance and put together later, bit by bit.
//!
//! Holds no search for repeated strings: geometry commands have hardly any, which is why nothing is lost on them.
//!
//! Invariant: every byte has a code, also one that was never counted.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Greatest length of a code for literals, and of one for code lengths.
const LITERAL_LIMIT: u8 = 15;
const LENGTH_LIMIT: u8 = 7;

/// The symbol that ends a block.
const END: usize = 256;

/// In the list of code lengths: the length before, 3 to 6 times more.
const REPEAT: u8 = 16;

/// The order in which DEFLATE lists the lengths of the codes for code lengths.
const LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Appends bits to bytes, lowest bit first.
pub(super) struct BitWriter {
    out: Vec<u8>,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// A writer that goes on behind the last byte of `out`.
    pub(super) fn after(out: Vec<u8>) -> Self {
        Self { out, pending: 0, count: 0 }
    }

    /// Appends the lowest `count` (at most 32) bits; the others must be zero.
    pub(super) fn push(&mut self, bits: u32, count: u32) {
        self.pending |= u64::from(bits) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.count -= 32;
        }
    }

    /// Appends all bits of `bytes` but the last `spare` (at most 7), which must be zero.
    pub(super) fn append(&mut self, bytes: &[u8], spare: u32) {
        let Some((&last, body)) = bytes.split_last() else { return };
        let (words, rest) = body.as_chunks::<4>();
        words.iter().for_each(|word| self.push(u32::from_le_bytes(*word), 32));
        rest.iter().for_each(|&byte| self.push(u32::from(byte), 8));
        self.push(u32::from(last), 8 - spare);
    }

    /// Fills up with zeros to the next byte. Returns the bytes and how many zeros there were.
    pub(super) fn finish(mut self) -> (Vec<u8>, u32) {
        let bytes = self.count.div_ceil(8);
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..bytes as usize]);
        (self.out, bytes * 8 - self.count)
    }
}

/// A code, its first bit lowest, and the number of its bits.
#[derive(Debug, Clone, Copy, Default)]
struct Code {
    bits: u16,
    len: u8,
}

/// A code for all bytes and the end of a block.
#[derive(Debug)]
pub(super) struct LiteralCode {
    codes: Vec<Code>,
    /// What opens a block with this code, and the unused bits of its last byte.
    opening: (Vec<u8>, u32),
}

impl LiteralCode {
    /// The best code for bytes that occur as often as counted.
    pub(super) fn new(counts: &[u32; 256]) -> Self {
        // What was never counted still needs a code. The end of a block occurs once.
        let counts: Vec<u32> = counts.iter().map(|&count| count.max(1)).chain([1]).collect();
        let lengths = code_lengths(&counts, LITERAL_LIMIT);
        let mut writer = BitWriter::after(Vec::new());
        open_block(&mut writer, &lengths);
        Self { codes: codes(&lengths), opening: writer.finish() }
    }

    /// Opens a block that is not the last one.
    pub(super) fn open(&self, writer: &mut BitWriter) {
        writer.append(&self.opening.0, self.opening.1);
    }

    /// Appends bytes.
    pub(super) fn literals(&self, writer: &mut BitWriter, bytes: &[u8]) {
        for &byte in bytes {
            let Code { bits, len } = self.codes[usize::from(byte)];
            writer.push(u32::from(bits), u32::from(len));
        }
    }

    /// Ends the block, then fills up to the next byte by an empty stored block, so that bytes can follow.
    pub(super) fn close(&self, mut writer: BitWriter) -> Vec<u8> {
        let Code { bits, len } = self.codes[END];
        writer.push(u32::from(bits), u32::from(len));
        writer.push(0, 3);
        let (mut out, _) = writer.finish();
        out.extend_from_slice(&[0, 0, 0xff, 0xff]);
        out
    }

    /// Bytes held on the heap.
    pub(super) fn weight(&self) -> usize {
        self.codes.capacity() * size_of::<Code>() + self.opening.0.capacity()
    }
}

/// Writes the head of a block with dynamic codes: RFC 1951, section 3.2.7.
fn open_block(writer: &mut BitWriter, literal_lengths: &[u8]) {
    // No distance is ever used, but two codes for them are announced as zlib does: old readers want a complete code.
    let lengths: Vec<u8> = literal_lengths.iter().copied().chain([1, 1]).collect();
    let runs = runs(&lengths);
    let mut counts = [0; LENGTH_ORDER.len()];
    runs.iter().for_each(|run| counts[usize::from(run.0)] += 1);
    let length_lengths = code_lengths(&counts, LENGTH_LIMIT);
    let length_codes = codes(&length_lengths);
    let listed =
        LENGTH_ORDER.iter().rposition(|&symbol| length_lengths[symbol] > 0).map_or(4, |at| (at + 1).max(4));

    writer.push(0b100, 3);
    writer.push(literal_lengths.len() as u32 - 257, 5);
    writer.push(1, 5);
    writer.push(listed as u32 - 4, 4);
    for &symbol in &LENGTH_ORDER[..listed] {
        writer.push(u32::from(length_lengths[symbol]), 3);
    }
    for (symbol, more) in runs {
        let Code { bits, len } = length_codes[usize::from(symbol)];
        writer.push(u32::from(bits), u32::from(len));
        if symbol == REPEAT {
            writer.push(more - 3, 2);
        }
    }
}

/// A list of lengths with its repetitions taken together: symbols, and how often a [`REPEAT`] repeats.
fn runs(lengths: &[u8]) -> Vec<(u8, u32)> {
    let mut runs = Vec::new();
    for run in lengths.chunk_by(|a, b| a == b) {
        runs.push((run[0], 1));
        for part in run[1..].chunks(6) {
            match part.len() as u32 {
                more @ 3.. => runs.push((REPEAT, more)),
                few => runs.extend((0..few).map(|_| (run[0], 1))),
            }
        }
    }
    runs
}

/// Lengths of the codes of Huffman's method; 0 for what does not occur. Counts are flattened until no code is longer
/// than `limit`, which costs next to nothing since only the rarest symbols are concerned.
fn code_lengths(counts: &[u32], limit: u8) -> Vec<u8> {
    let mut counts = counts.to_vec();
    loop {
        let lengths = unlimited_code_lengths(&counts);
        if lengths.iter().all(|&len| len <= limit) {
            return lengths;
        }
        counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = *count / 2 + 1);
    }
}

fn unlimited_code_lengths(counts: &[u32]) -> Vec<u8> {
    let mut heap: BinaryHeap<_> =
        (0..counts.len()).filter(|&i| counts[i] > 0).map(|i| Reverse((u64::from(counts[i]), i))).collect();
    // Nodes above the leaves follow these; a parent always has a greater index than its children.
    let mut parents = vec![0; counts.len()];
    while let (Some(Reverse((first, left))), Some(Reverse((second, right)))) = (heap.pop(), heap.pop()) {
        let parent = parents.len();
        parents.push(parent);
        (parents[left], parents[right]) = (parent, parent);
        heap.push(Reverse((first + second, parent)));
        if heap.len() == 1 {
            break;
        }
    }
    let mut depths = vec![0_u8; parents.len()];
    for node in (0..parents.len().saturating_sub(1)).rev() {
        if parents[node] > node {
            depths[node] = depths[parents[node]].saturating_add(1);
        }
    }
    depths.truncate(counts.len());
    depths
}

/// The canonical codes of these lengths: RFC 1951, section 3.2.2.
fn codes(lengths: &[u8]) -> Vec<Code> {
    let mut next = 0_u16;
    let mut codes = vec![Code::default(); lengths.len()];
    for len in 1..=LITERAL_LIMIT {
        next <<= 1;
        for symbol in (0..lengths.len()).filter(|&symbol| lengths[symbol] == len) {
            codes[symbol] = Code { bits: next.reverse_bits() >> (16 - len), len };
            next += 1;
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn inflated(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
        out
    }

    /// `bytes` by a code made for the bytes `like`, coded in two pieces of which the first is appended as bits.
    fn deflated(like: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut counts = [0; 256];
        like.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        let code = LiteralCode::new(&counts);
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let mut writer = BitWriter::after(Vec::new());
        code.literals(&mut writer, first);
        let (piece, spare) = writer.finish();
        let mut writer = BitWriter::after(Vec::new());
        code.open(&mut writer);
        writer.append(&piece, spare);
        code.literals(&mut writer, second);
        let mut out = code.close(writer);
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
        out
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_from_any_code(like: Vec<u8>, bytes: Vec<u8>) {
            prop_assert_eq!(inflated(&deflated(&like, &bytes)), bytes);
        }

        #[test]
        fn codes_stay_within_their_limit_and_fill_it(counts in proptest::collection::vec(0..1_000_000_u32, 2..300)) {
            prop_assume!(counts.iter().filter(|&&c| c > 0).count() > 1);
            let lengths = code_lengths(&counts, LITERAL_LIMIT);
            let space: u32 = lengths.iter().filter(|&&len| len > 0).map(|&len| 1 << (LITERAL_LIMIT - len)).sum();
            prop_assert_eq!(space, 1 << LITERAL_LIMIT);
        }
    }

    #[test]
    fn counts_that_grow_like_fibonacci_numbers_do_not_break_the_limit() {
        let mut counts = vec![1, 1];
        while counts.len() < 40 {
            counts.push(counts[counts.len() - 1] + counts[counts.len() - 2]);
        }
        assert!(code_lengths(&counts, LITERAL_LIMIT).iter().all(|&len| (1..=LITERAL_LIMIT).contains(&len)));
    }
}
