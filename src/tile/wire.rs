//! The few protobuf forms of which an MVT consists: varints, length-delimited fields, values.

/// Field tags (number and wire type) of the messages Tile, Layer, Feature and Value of MVT 2.1.
pub(super) mod tag {
    pub const TILE_LAYER: u8 = 3 << 3 | 2;
    pub const LAYER_NAME: u8 = 1 << 3 | 2;
    pub const LAYER_FEATURE: u8 = 2 << 3 | 2;
    pub const LAYER_KEY: u8 = 3 << 3 | 2;
    pub const LAYER_VALUE: u8 = 4 << 3 | 2;
    pub const LAYER_EXTENT: u8 = 5 << 3;
    pub const LAYER_VERSION: u8 = 15 << 3;
    pub const FEATURE_ID: u8 = 1 << 3;
    pub const FEATURE_TAGS: u8 = 2 << 3 | 2;
    pub const FEATURE_TYPE: u8 = 3 << 3;
    pub const FEATURE_GEOMETRY: u8 = 4 << 3 | 2;
    pub const VALUE_STRING: u8 = 1 << 3 | 2;
    pub const VALUE_DOUBLE: u8 = 3 << 3 | 1;
    pub const VALUE_UINT: u8 = 5 << 3;
}

/// Appends a number, seven bits to the byte, lowest first.
pub(super) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes [`varint`] writes.
pub(super) fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a signed number so that small ones of either sign stay short.
pub(super) fn zigzag(out: &mut Vec<u8>, number: i32) {
    varint(out, u64::from((number << 1 ^ number >> 31) as u32));
}

/// Appends a length-delimited field.
pub(super) fn bytes_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes [`bytes_field`] writes for `len` bytes.
pub(super) fn bytes_field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Appends a string to a layer's value table.
pub(super) fn string_value(out: &mut Vec<u8>, text: &str) {
    out.push(tag::LAYER_VALUE);
    varint(out, bytes_field_len(text.len()) as u64);
    bytes_field(out, tag::VALUE_STRING, text.as_bytes());
}

/// Appends a double to a layer's value table.
pub(super) fn double_value(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&[tag::LAYER_VALUE, 9, tag::VALUE_DOUBLE]);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends an unsigned integer to a layer's value table.
pub(super) fn uint_value(out: &mut Vec<u8>, number: u64) {
    out.push(tag::LAYER_VALUE);
    varint(out, 1 + varint_len(number) as u64);
    out.push(tag::VALUE_UINT);
    varint(out, number);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_length_of_a_varint_is_known_beforehand(number: u64) {
            let mut out = Vec::new();
            varint(&mut out, number);
            prop_assert_eq!(out.len(), varint_len(number));
        }
    }

    #[test]
    fn small_numbers_of_either_sign_take_one_byte() {
        let mut out = Vec::new();
        for number in [0, -1, 1, -64, 63] {
            zigzag(&mut out, number);
        }
        assert_eq!(out, [0, 1, 2, 127, 126]);
    }
}
