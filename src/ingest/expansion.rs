//! How much a packed file may expand to.

/// Coordinates and tables shrink to a twentieth, and to a fiftieth where their rows repeat long names; what expands to more
/// than this multiple is neither.
const MAX_RATIO: u64 = 200;

/// A file may expand to this much whatever its ratio: a table of blanks shrinks to almost nothing.
pub(super) const ALWAYS: u64 = 64 << 20;

/// Most bytes that a file of `packed` bytes may expand to, where it may never be more than `most`.
pub(super) fn limit(packed: u64, most: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).clamp(ALWAYS, most)
}
