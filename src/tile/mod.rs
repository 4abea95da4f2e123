//! Tiles: skeletons, the splice of values, TileJSON.
//!
//! Holds the encoding. Must not know: who is asking, where values come from.
//!
//! Invariant: a spliced tile decodes to the same features as a tile encoded in one piece.
