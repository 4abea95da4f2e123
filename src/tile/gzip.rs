//! Gzip for tiles. Of a large tile what never changes is compressed once, and each join only splices the pieces.
//!
//! A spliced tile has three kinds of DEFLATE blocks: the `borders` layer and the static keys and values of `regions`,
//! compressed once by zlib; the features of `regions` in one block of our own; and the rest, values and the `labels`
//! layer, compressed per join. In the block of features the geometry is bits that were made once, and only what stands
//! before it (id, tags) is coded per join. Geometry commands repeat hardly anything but borders, so those are the only
//! repeats that are looked for; since tags differ in length, the distance of a repeat is written per join.
//!
//! Thus every feature may have other tags: values keep no fixed slots, equal ones share one, and a region without
//! value costs nothing more than any other.
//!
//! Invariant: the decompressed bytes are those that were given.

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};

use super::{
    huffman::{BitWriter, BlockCode, Counts, FARTHEST},
    join::Join,
    layer::{Layer, Places},
    repeats::{Borders, Token},
    wire,
};

/// Bytes of geometry from which splicing is quicker than compressing everything.
const SPLICE_FROM: usize = 4096;

/// Level for tiles below that size.
pub(super) const SMALL_TILE_LEVEL: i32 = 6;

/// Level for tiles with many periods, which are large: a third quicker than the usual one, 1 % larger.
pub(super) const MANY_PERIODS_LEVEL: i32 = 4;

/// Level for what changes in a spliced tile.
const CHANGING_LEVEL: i32 = 1;

/// Method DEFLATE, no flags, no time, no particular system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Most bytes by which a feature's head can be longer with the values of one period than without: three attributes
/// with a key below 128 and a value below 2²¹, and the lengths of tags, feature and (counted here too) layer.
const HEAD_GROWTH: usize = 16;

/// The pieces of a tile that are compressed once.
#[derive(Debug)]
pub(super) struct Frozen {
    borders: Vec<u8>,
    /// Static keys and values of the `regions` layer.
    table: Vec<u8>,
    code: BlockCode,
    /// The geometry of every feature of `regions` by `code`, but for the distances of repeats.
    geometries: Vec<u8>,
    pieces: Vec<Piece>,
}

/// Bits of a feature's geometry. They begin at a byte.
#[derive(Debug)]
struct Piece {
    /// After this byte they end …
    end: u32,
    /// … but for so many bits.
    spare: u8,
    next: Next,
}

/// What follows a [`Piece`].
#[derive(Debug, Clone, Copy)]
enum Next {
    /// The distance of a repeat: the place of the feature's geometry in the tile plus this.
    Distance(i32),
    /// The next feature.
    Feature,
}

impl Frozen {
    /// Compresses what never changes, if that is worth it: not in small tiles, nor where shapes repeat (as cells of a
    /// raster do), which only a search for all repeats makes small.
    pub(super) fn new(borders: &[u8], regions: &Layer) -> Option<Self> {
        if regions.geometry().len() < SPLICE_FROM {
            return None;
        }
        let mut bare = borders.to_vec();
        let places = regions.write(&regions.join(&Join::GeometryOnly), &mut bare);
        let tokens = tokens(borders, regions, &places);
        let code = BlockCode::new(&counts(&bare, regions, &places, &tokens));
        let mut frozen = Self {
            borders: piece(borders)?,
            table: piece(regions.table())?,
            code,
            geometries: Vec::new(),
            pieces: Vec::new(),
        };
        for (geometry, tokens) in regions.geometries().zip(&tokens) {
            frozen.freeze(geometry, tokens);
        }
        frozen.geometries.shrink_to_fit();
        frozen.pieces.shrink_to_fit();
        let usual = compressed_len(&[borders, regions.geometry()].concat());
        (frozen.compressed_len() * 4 <= usual * 5).then_some(frozen)
    }

    /// Bytes held on the heap.
    pub(super) fn weight(&self) -> usize {
        let bytes = [&self.borders, &self.table, &self.geometries];
        bytes.iter().map(|b| b.capacity()).sum::<usize>()
            + self.pieces.capacity() * size_of::<Piece>()
            + self.code.weight()
    }

    /// Compresses a tile that begins with the `borders` and `regions` layers from which this was made, the latter
    /// with at most one period joined.
    pub(super) fn gzip(&self, tile: &[u8], regions: &Layer, places: &Places) -> Vec<u8> {
        let mut out = Vec::with_capacity(tile.len() + HEADER.len());
        out.extend_from_slice(&HEADER);
        out.extend_from_slice(&self.borders);
        let mut writer = BitWriter::after(out);
        self.code.open(&mut writer);
        let (mut coded, mut from) = (places.start, 0);
        let mut pieces = self.pieces.iter();
        for (geometry, &at) in regions.geometries().zip(&places.geometries) {
            self.code.literals(&mut writer, &tile[coded..at]);
            for piece in pieces.by_ref() {
                writer.append(&self.geometries[from..piece.end as usize], u32::from(piece.spare));
                from = piece.end as usize;
                match piece.next {
                    Next::Distance(beyond) => {
                        self.code.distance(&mut writer, at.wrapping_add_signed(beyond as isize));
                    }
                    Next::Feature => break,
                }
            }
            coded = at + geometry.len();
        }
        let mut out = self.code.close(writer);
        out.extend_from_slice(&self.table);
        finish(out, &tile[places.table_end..], CHANGING_LEVEL, tile)
    }

    /// Appends the pieces of a feature.
    fn freeze(&mut self, geometry: &[u8], tokens: &[Token]) {
        let mut writer = BitWriter::after(std::mem::take(&mut self.geometries));
        for token in tokens {
            match token {
                Token::Literals(range) => self.code.literals(&mut writer, &geometry[range.clone()]),
                Token::Repeat { at, len, from } => {
                    self.code.length(&mut writer, *len);
                    let done = self.end_piece(writer, Next::Distance(*at as i32 - *from as i32));
                    writer = BitWriter::after(done);
                }
            }
        }
        self.geometries = self.end_piece(writer, Next::Feature);
    }

    fn end_piece(&mut self, writer: BitWriter, next: Next) -> Vec<u8> {
        let (bytes, spare) = writer.finish();
        self.pieces.push(Piece { end: bytes.len() as u32, spare: spare as u8, next });
        bytes
    }

    /// About the bytes of borders and geometry in a tile: a distance takes two.
    fn compressed_len(&self) -> usize {
        let repeats = self.pieces.iter().filter(|p| matches!(p.next, Next::Distance(_))).count();
        self.borders.len() + self.geometries.len() + 2 * repeats
    }
}

/// The parts of every feature's geometry. `places` are those in a tile without values.
fn tokens(borders: &[u8], regions: &Layer, places: &Places) -> Vec<Vec<Token>> {
    let borders = Borders::new(borders);
    let features = regions.geometries().zip(&places.geometries).enumerate();
    features
        .map(|(index, (geometry, start))| {
            let farthest_start = start + HEAD_GROWTH * (index + 1);
            borders.tokens(geometry, |at| (farthest_start + at).saturating_sub(FARTHEST))
        })
        .collect()
}

/// How often each symbol occurs among the features, as far as is known before a join.
fn counts(bare: &[u8], regions: &Layer, places: &Places, tokens: &[Vec<Token>]) -> Counts {
    let mut counts = Counts::new();
    let mut head = places.start;
    for (index, (geometry, &at)) in regions.geometries().zip(&places.geometries).enumerate() {
        counts.literals(&bare[head..at]);
        head = at + geometry.len();
        for token in &tokens[index] {
            match token {
                Token::Literals(range) => counts.literals(&geometry[range.clone()]),
                Token::Repeat { len, .. } => counts.length(*len),
            }
        }
        // A join will add tags: two small keys, each with a value beyond the static ones.
        let mut added = vec![2, 3];
        wire::varint(&mut added, u64::from(regions.values()) + index as u64);
        wire::varint(&mut added, u64::from(regions.values()) + index as u64 % 9);
        counts.literals(&added);
    }
    counts
}

/// Compresses a tile as a whole.
pub(super) fn compress(tile: &[u8], level: i32) -> Vec<u8> {
    finish(HEADER.to_vec(), tile, level, tile)
}

/// Bytes that a quick general compression takes.
fn compressed_len(bytes: &[u8]) -> usize {
    let mut out = Vec::new();
    deflate(&mut out, bytes, CHANGING_LEVEL);
    out.len()
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
    if let Ok(len) = compressor.deflate_compress(bytes, &mut out[start..]) {
        out.truncate(start + len);
    } else {
        // The bound makes this impossible; but storing the bytes is right in any case.
        out.truncate(start);
        store(out, bytes);
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
