//! Topology, skeleton and splice: what happens without a store or a network.

use std::hint::black_box;

use anyhow::{Context, Result};
use geo::CoordsIter;
use geo_types::MultiPolygon;
use kommunalatlas::{
    domain::{Column, Status},
    geometry::{BuildOptions, BuiltEdition, GridPoint, build_edition},
    tile::{Encoding, Join, LayerValues, Skeleton},
};
use libdeflater::{CompressionLvl, Compressor};

use crate::{
    input::{Input, noise},
    plain,
    sample::{Cutter, Sample},
    table::{Amount, Bar, Line, Table, seconds, seconds_each},
};

/// Measures `build_edition`; gives the edition and the seconds that it took.
pub fn topology(table: &mut Table, input: &Input) -> Result<(BuiltEdition, f64)> {
    let polygons: Vec<Option<MultiPolygon<f64>>> =
        input.regions.iter().map(|r| Some(r.polygons.clone())).collect();
    let mut built = None;
    let time = seconds(|| built = Some(build_edition(&polygons, &BuildOptions::default(), &mut |_, _| {})));
    let built = built.context("nothing was built")??;
    let onto_grid = seconds(|| {
        for coord in polygons.iter().flatten().flat_map(MultiPolygon::coords_iter) {
            black_box(GridPoint::from_degrees(coord.x, coord.y));
        }
    });
    let vertices = input.vertices() as f64;
    table.line(&Line {
        name: "build_edition, zoom 0 to 14",
        figure: Amount::new(vertices / time, "vertices/s"),
        yardstick: Some(("each vertex put on the grid", Amount::new(vertices / onto_grid, "vertices/s"))),
        ratio: Some(time / onto_grid),
        bar: Bar::None,
    });
    Ok((built, time))
}

/// Measures the skeleton and the splice of one dense tile.
pub fn splice(table: &mut Table, input: &Input, built: &BuiltEdition) -> Result<()> {
    let cutter = Cutter::new(input, built)?;
    let sample = cutter.sample(input);
    let build = |sample: &Sample| Skeleton::build(&sample.geometry, &sample.labels, &|o| sample.text(o));
    let skeleton = build(&sample);
    let (column, classes) = values(input.regions.len());
    let join = Join::One(LayerValues { column: &column, classes: &classes });
    let mut compressor =
        Compressor::new(CompressionLvl::new(6).map_err(|_| anyhow::anyhow!("libdeflate has no level 6"))?);
    let mut in_one_piece = || gzip(&mut compressor, &plain::encode(&sample, &join));
    let identity = skeleton.encode(&join, Encoding::Identity).len();
    let spliced = skeleton.encode(&join, Encoding::Gzip).len();
    let (z, x, y) = (cutter.coord.z(), cutter.coord.x(), cutter.coord.y());
    table.remark(&format!(
        "tile {z}/{x}/{y} has {} regions, {identity} bytes, {spliced} bytes spliced gzip, {} bytes by mvt and \
         libdeflate level 6",
        sample.geometry.regions.len(),
        in_one_piece().len()
    ));
    let plain_time = seconds_each(|| drop(black_box(in_one_piece())));
    // The yardstick's encoder looks tags up one after the other; what remains without it is the stricter comparison.
    let whole = skeleton.encode(&join, Encoding::Identity);
    let deflate_time = seconds_each(|| drop(black_box(gzip(&mut compressor, &whole))));
    let cut_time = seconds_each(|| drop(black_box(cutter.geometry())));
    let skeleton_time = seconds_each(|| drop(black_box(build(&sample))));
    let splice_time = seconds_each(|| drop(black_box(skeleton.encode(&join, Encoding::Gzip))));
    table.line(&Line {
        name: "cutting a tile out of its zoom",
        figure: Amount::time(cut_time),
        yardstick: Some(("tile by mvt + libdeflate 6", Amount::time(plain_time))),
        ratio: Some(cut_time / plain_time),
        bar: Bar::None,
    });
    table.line(&Line {
        name: "skeleton build",
        figure: Amount::time(skeleton_time),
        yardstick: Some(("tile by mvt + libdeflate 6", Amount::time(plain_time))),
        ratio: Some(skeleton_time / plain_time),
        bar: Bar::None,
    });
    table.line(&Line {
        name: "join and gzip splice, times quicker",
        figure: Amount::time(splice_time),
        yardstick: Some(("tile by mvt + libdeflate 6", Amount::time(plain_time))),
        ratio: Some(plain_time / splice_time),
        // Where everything fits into a few kilobytes nothing is spliced.
        bar: if identity > 8192 { Bar::RatioAtLeast(4.0) } else { Bar::None },
    });
    table.line(&Line {
        name: "the same, times quicker than gzip",
        figure: Amount::time(splice_time),
        yardstick: Some(("libdeflate 6 on the joined tile", Amount::time(deflate_time))),
        ratio: Some(deflate_time / splice_time),
        bar: Bar::None,
    });
    Ok(())
}

/// Values with one decimal, one in 37 missing, in five classes.
fn values(regions: usize) -> (Column, Vec<u8>) {
    let mut column = Column::missing(regions);
    let mut classes = vec![kommunalatlas::tile::NO_CLASS; regions];
    for ordinal in (0..regions).filter(|ordinal| ordinal % 37 != 0) {
        let share = noise([ordinal, 0, 0, 9]) / 2.0 + 0.5;
        column.set(ordinal, Some((share * 1000.0).round() / 10.0), Status::Valid);
        classes[ordinal] = (share * 5.0) as u8;
    }
    (column, classes)
}

fn gzip(compressor: &mut Compressor, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let len = compressor.gzip_compress(bytes, &mut out).unwrap_or(0);
    out.truncate(len);
    out
}
