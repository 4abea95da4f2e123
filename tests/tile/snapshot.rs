//! One small tile, decoded and readable.

use kommunalatlas::{
    domain::{Column, Status},
    geometry::{TileGeometry, TileLine, TileRegion},
    tile::{Encoding, Join, LayerValues, NO_CLASS, RegionText, Skeleton, TileLabel},
};

use crate::decoded::decode;

const TEXTS: [(&str, &str, Option<&str>, bool); 3] = [
    ("03354005", "Gusborn", None, true),
    ("03354018", "Lüchow (Wendland), Stadt", Some("Lüchow"), true),
    ("03354501", "Gartow, gemfr. Gebiet", None, false),
];

#[test]
fn a_tile_of_three_regions_reads_as_expected() {
    let square = |x, y| vec![[x, y], [x + 100, y], [x + 100, y + 100], [x, y + 100]];
    let hole = vec![[240, 240], [240, 260], [260, 260], [260, 240]];
    let region = |ordinal, polygons| TileRegion { ordinal, polygons, surplus: 0 };
    let geometry = TileGeometry {
        regions: vec![
            region(0, vec![vec![square(0, 0)], vec![square(100, 100)]]),
            region(1, vec![vec![square(200, 200), hole]]),
            region(2, vec![vec![square(-64, 300)]]),
        ],
        borders: vec![
            TileLine { rank: 1, lines: vec![vec![[0, 0], [100, 0]]] },
            TileLine { rank: 0, lines: vec![vec![[100, 100], [200, 200]], vec![[200, 200], [300, 200]]] },
        ],
        surplus: 0,
    };
    let labels = [TileLabel { ordinal: 1, x: 230, y: 250, rank: 3 }];
    let text = |ordinal: u32| {
        let (key, name, short_name, inhabited) = TEXTS[ordinal as usize];
        RegionText { key, name, short_name, inhabited }
    };
    let mut column = Column::missing(3);
    column.set(0, None, Status::Suppressed);
    column.set(1, Some(12.5), Status::Estimated);
    column.set(2, Some(0.0), Status::Valid);
    let values = LayerValues { column: &column, classes: &[NO_CLASS, 2, 0] };
    let skeleton = Skeleton::build(&geometry, &labels, &text);
    let tile = skeleton.encode(&Join::One(values), Encoding::Identity);
    insta::assert_debug_snapshot!(decode(&tile).unwrap());
}
