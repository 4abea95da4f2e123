//! A spliced tile says the same as one encoded in one piece, whatever the values.

use kommunalatlas::{
    domain::{Column, Status},
    geometry::TileGeometry,
    tile::{Encoding, Join, LayerValues, NO_CLASS, Skeleton},
};
use proptest::prelude::*;

use crate::{
    decoded::{decode, gunzip},
    plain,
    sample::Sample,
};

fn skeleton(sample: &Sample) -> Skeleton {
    Skeleton::build(&sample.geometry, &sample.labels, &|ordinal| sample.text(ordinal))
}

/// What a column says of a region, and its class.
fn cell() -> impl Strategy<Value = (Option<f64>, Status, u8)> {
    let number = prop_oneof![
        (-20..20_i32).prop_map(f64::from),
        any::<f64>(),
        Just(f64::NAN),
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
    ];
    let status = prop_oneof![4 => Just(Status::Valid), 1 => proptest::sample::select(Status::ALL.to_vec())];
    let class = prop_oneof![4 => 0..9_u8, 1 => Just(NO_CLASS), 1 => any::<u8>()];
    (proptest::option::weighted(0.9, number), status, class)
}

/// A column and its classes. It may end before the regions do.
fn values() -> impl Strategy<Value = (Column, Vec<u8>)> {
    proptest::collection::vec(cell(), 0..80).prop_map(|cells| {
        let mut column = Column::missing(cells.len());
        cells.iter().enumerate().for_each(|(i, cell)| column.set(i, cell.0, cell.1));
        (column, cells.iter().map(|cell| cell.2).collect())
    })
}

fn of((column, classes): &(Column, Vec<u8>)) -> LayerValues<'_> {
    LayerValues { column, classes }
}

fn assert_equal_to_plain(sample: &Sample, join: &Join<'_>) {
    let skeleton = skeleton(sample);
    let tile = skeleton.encode(join, Encoding::Identity);
    assert_eq!(decode(&tile).unwrap(), decode(&plain::encode(sample, join)).unwrap());
    assert_eq!(gunzip(&skeleton.encode(join, Encoding::Gzip)), tile);
}

/// Few corners give a tile that is compressed as a whole, many one that is spliced.
fn sample() -> impl Strategy<Value = Sample> {
    (0..70_u32, prop_oneof![3..9_u32, 60..90_u32])
        .prop_map(|(regions, corners)| Sample::new(regions, corners))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_period_is_joined_as_plain_encoding_would(sample in sample(), values in values()) {
        assert_equal_to_plain(&sample, &Join::One(of(&values)));
    }

    #[test]
    fn many_periods_are_joined_as_plain_encoding_would(
        sample in sample(),
        series in proptest::collection::vec(values(), 0..6),
    ) {
        let periods: Vec<_> =
            series.iter().enumerate().map(|(i, values)| (format!("{}", 2019 + i), of(values))).collect();
        assert_equal_to_plain(&sample, &Join::All(&periods));
    }
}

#[test]
fn geometry_only_has_key_and_name_and_nothing_else() {
    for corners in [5, 80] {
        let sample = Sample::new(60, corners);
        assert_equal_to_plain(&sample, &Join::GeometryOnly);
        let layers = decode(&skeleton(&sample).encode(&Join::GeometryOnly, Encoding::Identity)).unwrap();
        let regions = layers.iter().find(|layer| layer.name == "regions").unwrap();
        assert!(regions.features.iter().all(|feature| feature.attributes.keys().eq(["key", "name"])));
    }
}

#[test]
fn a_region_without_value_costs_the_spliced_tile_nothing() {
    let sample = Sample::new(70, 80);
    let skeleton = skeleton(&sample);
    let mut column = Column::missing(70);
    (0..70).for_each(|i| column.set(i, Some(i as f64 + 0.5), Status::Valid));
    let len = |column: &Column| {
        let join = Join::One(LayerValues { column, classes: &[1; 70] });
        skeleton.encode(&join, Encoding::Gzip).len()
    };
    let full = len(&column);
    (0..70).step_by(7).for_each(|i| column.set(i, None, Status::Suppressed));
    assert!(len(&column) <= full + 20, "{} against {full}", len(&column));
}

#[test]
fn a_spliced_tile_is_hardly_larger_than_one_compressed_as_a_whole() {
    let sample = Sample::new(300, 40);
    let mut column = Column::missing(300);
    (0..300).for_each(|i| column.set(i, Some((i * 7919 % 1000) as f64 / 10.0), Status::Valid));
    let classes: Vec<u8> = (0..300).map(|i| (i * 31 % 5) as u8).collect();
    let join = Join::One(LayerValues { column: &column, classes: &classes });
    let skeleton = skeleton(&sample);
    let spliced = skeleton.encode(&join, Encoding::Gzip).len();
    let tile = skeleton.encode(&join, Encoding::Identity);
    println!("{} bytes: {spliced} spliced", tile.len());
}

#[test]
fn the_same_join_gives_the_same_bytes() {
    let sample = Sample::new(70, 80);
    let join = Join::One(LayerValues { column: &Column::missing(70), classes: &[] });
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        assert_eq!(skeleton(&sample).encode(&join, encoding), skeleton(&sample).encode(&join, encoding));
    }
}

#[test]
fn a_skeleton_without_regions_is_empty() {
    let empty = Skeleton::build(&TileGeometry::default(), &[], &|_| unreachable!("no region is asked for"));
    assert!(empty.is_empty());
    assert!(empty.encode(&Join::GeometryOnly, Encoding::Identity).is_empty());
    assert!(gunzip(&empty.encode(&Join::GeometryOnly, Encoding::Gzip)).is_empty());
}

#[test]
fn a_skeleton_knows_its_regions_and_weighs_at_least_its_bytes() {
    let sample = Sample::new(70, 80);
    let skeleton = skeleton(&sample);
    assert_eq!(skeleton.ordinals(), (0..70).collect::<Vec<_>>());
    let (raw, packed) = (Encoding::Identity, Encoding::Gzip);
    let bytes = |encoding| skeleton.encode(&Join::GeometryOnly, encoding).len();
    assert!(skeleton.weight() > bytes(raw) && skeleton.weight() < 2 * (bytes(raw) + bytes(packed)));
}
