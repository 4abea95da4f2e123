//! Tiles of facilities: one layer of points with their attributes.
//!
//! Must not know: which of them somebody may see.

use super::{
    commands, gzip,
    layer::{LayerBuilder, Shape, StaticValue, Subject},
    skeleton::Encoding,
};
use crate::domain::Facility;

/// A facility that stands in a tile.
#[derive(Debug, Clone, Copy)]
pub struct TileFacility<'a> {
    /// Its rank among all that this audience sees of the category; its feature id is one more.
    pub rank: u32,
    /// Place in tile coordinates.
    pub x: i32,
    /// Place in tile coordinates, downwards.
    pub y: i32,
    /// What it says.
    pub facility: &'a Facility,
}

/// A tile with the layer `facilities`; empty bytes if there is none.
pub fn facility_tile(facilities: &[TileFacility<'_>], encoding: Encoding) -> Vec<u8> {
    let day = |day: Option<chrono::NaiveDate>| day.map(|d| d.to_string());
    let dates: Vec<[Option<String>; 2]> =
        facilities.iter().map(|f| [day(f.facility.valid_from), day(f.facility.valid_until)]).collect();
    let mut layer = LayerBuilder::new("facilities", Shape::Point);
    for (TileFacility { rank, x, y, facility }, [from, until]) in facilities.iter().zip(&dates) {
        let text = StaticValue::Text;
        let attributes = [
            Some(("key", text(&facility.key))),
            Some(("name", text(&facility.name))),
            Some(("category", text(facility.category.as_str()))),
            facility.operator.as_deref().map(|t| ("operator", text(t))),
            facility.places.map(|n| ("places", StaticValue::Uint(u64::from(n)))),
            facility.address.as_deref().map(|t| ("address", text(t))),
            from.as_deref().map(|t| ("valid_from", text(t))),
            until.as_deref().map(|t| ("valid_until", text(t))),
        ];
        let subject = Subject { ordinal: *rank, inhabited: true };
        layer.feature(Some(subject), attributes.into_iter().flatten(), |out| commands::point(out, *x, *y));
    }
    let tile = layer.finish().into_bytes();
    match encoding {
        _ if tile.is_empty() => tile,
        Encoding::Identity => tile,
        Encoding::Gzip => gzip::compress(&tile, gzip::SMALL_TILE_LEVEL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_of_none_is_empty_in_every_encoding() {
        assert!(facility_tile(&[], Encoding::Identity).is_empty());
        assert!(facility_tile(&[], Encoding::Gzip).is_empty());
    }
}
