//! Gzip for tiles. Of a large tile what never changes is compressed once, and each join only splices the pieces.
//!
//! A spliced tile has three kinds of DEFLATE blocks: the `borders` layer and the static keys and values of `regions`,
//! compressed once by zlib; the features of `regions` in one block of plain Huffman codes, where the geometry of each
//! feature is a string of bits made once and what stands before it (id, tags) is coded per join; and the rest, values
//! and the `labels` layer, compressed per join. Since every feature may have other tags, values keep no fixed slots:
//! equal values share one, and one without value costs nothing more than any other.
//!
//! Invariant: the decompressed bytes are those that were given.

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};

use super::{
    huffman::{BitWriter, LiteralCode},
    join::Join,
    layer::{Layer, Places},
    wire,
};

/// Bytes of geometry from which splicing is quicker than compressing everything.
const SPLICE_FROM: usize = 4096;

/// Level for whole small tiles, and for what changes in large ones.
const WHOLE_LEVEL: i32 = 6;
const CHANGING_LEVEL: i32 = 1;

/// Method DEFLATE, no flags, no time, no particular system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The pieces of a tile that are compressed once.
#[derive(Debug)]
pub(super) struct Frozen {
    borders: Vec<u8>,
    /// Static keys and values of the `regions` layer.
    table: Vec<u8>,
    code: LiteralCode,
    /// The geometry of every feature of `regions` by `code`; each begins at a byte.
    geometries: Vec<u8>,
    ends: Vec<End>,
}

/// Where a feature's bits end: after this byte but for the last few bits.
#[derive(Debug)]
struct End {
    byte: u32,
    spare: u32,
}

impl Frozen {
    /// Compresses what never changes, if that is worth it.
    pub(super) fn new(borders: &[u8], regions: &Layer) -> Option<Self> {
        if regions.geometries().map(<[u8]>::len).sum::<usize>() < SPLICE_FROM {
            return None;
        }
        let code = LiteralCode::new(&byte_counts(regions));
        let (mut geometries, mut ends) = (Vec::new(), Vec::new());
        for geometry in regions.geometries() {
            let mut writer = BitWriter::after(geometries);
            code.literals(&mut writer, geometry);
            let spare;
            (geometries, spare) = writer.finish();
            ends.push(End { byte: geometries.len() as u32, spare });
        }
        geometries.shrink_to_fit();
        ends.shrink_to_fit();
        Some(Self { borders: piece(borders)?, table: piece(regions.table())?, code, geometries, ends })
    }

    /// Bytes held on the heap.
    pub(super) fn weight(&self) -> usize {
        let bytes = [&self.borders, &self.table, &self.geometries];
        bytes.iter().map(|b| b.capacity()).sum::<usize>()
            + self.ends.capacity() * size_of::<End>()
            + self.code.weight()
    }

    /// Compresses a tile that begins with the `borders` and `regions` layers from which this was made.
    pub(super) fn gzip(&self, tile: &[u8], regions: &Layer, places: &Places) -> Vec<u8> {
        let mut out = Vec::with_capacity(tile.len() + HEADER.len());
        out.extend_from_slice(&HEADER);
        out.extend_from_slice(&self.borders);
        let mut writer = BitWriter::after(out);
        self.code.open(&mut writer);
        let (mut coded, mut from) = (places.start, 0);
        for ((geometry, &at), end) in regions.geometries().zip(&places.geometries).zip(&self.ends) {
            self.code.literals(&mut writer, &tile[coded..at]);
            writer.append(&self.geometries[from..end.byte as usize], end.spare);
            (coded, from) = (at + geometry.len(), end.byte as usize);
        }
        let mut out = self.code.close(writer);
        out.extend_from_slice(&self.table);
        finish(out, &tile[places.table_end..], CHANGING_LEVEL, tile)
    }
}

/// Compresses a tile as a whole.
pub(super) fn compress(tile: &[u8]) -> Vec<u8> {
    finish(HEADER.to_vec(), tile, WHOLE_LEVEL, tile)
}

/// How often each byte occurs among the features, as far as is known before a join.
fn byte_counts(regions: &Layer) -> [u32; 256] {
    let mut features = Vec::new();
    let places = regions.write(&regions.join(&Join::GeometryOnly), &mut features);
    features.truncate(places.features_end);
    // A join will add tags: two small keys, each with a value beyond the static ones.
    for added in 0..places.geometries.len() as u64 {
        features.extend_from_slice(&[2, 3]);
        wire::varint(&mut features, u64::from(regions.values()) + added);
        wire::varint(&mut features, u64::from(regions.values()) + added % 9);
    }
    let mut counts = [0; 256];
    features.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    counts
}

/// Blocks that other blocks can follow: they end at a byte and nothing later may refer to them.
fn piece(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut deflate = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
    loop {
        let taken = deflate.total_in() as usize;
        deflate.compress_vec(&bytes[taken..], &mut out, FlushCompress::Full).ok()?;
        if deflate.total_in() as usize == bytes.len() && out.len() < out.capacity() {
            out.shrink_to_fit();
            return Some(out);
        }
        out.reserve(out.capacity());
    }
}

/// Appends the last blocks, which hold `rest`, and the trailer of a gzip file that holds `tile`.
fn finish(mut out: Vec<u8>, rest: &[u8], level: i32, tile: &[u8]) -> Vec<u8> {
    deflate(&mut out, rest, level);
    out.extend_from_slice(&crc32fast::hash(tile).to_le_bytes());
    out.extend_from_slice(&(tile.len() as u32).to_le_bytes());
    out.shrink_to_fit();
    out
}

/// Appends the last blocks of a DEFLATE stream.
fn deflate(out: &mut Vec<u8>, bytes: &[u8], level: i32) {
    let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap_or_default());
    let start = out.len();
    out.resize(start + compressor.deflate_compress_bound(bytes.len()), 0);
    match compressor.deflate_compress(bytes, &mut out[start..]) {
        Ok(len) => out.truncate(start + len),
        Err(_) => {
            // The bound makes this impossible; but storing the bytes is right in any case.
            out.truncate(start);
            store(out, bytes);
        }
    }
}

/// Appends the last blocks of a DEFLATE stream without compression.
fn store(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(0xffff) {
        let len = part.len() as u16;
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
}
