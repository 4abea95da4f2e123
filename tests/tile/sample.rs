//! Small tiles made up for these tests.

use kommunalatlas::{
    geometry::{TileGeometry, TileLine, TileRegion},
    tile::{RegionText, TileLabel},
};

/// Text of the regions: key, name, short name, inhabited; index = ordinal.
pub type Texts = Vec<(String, String, Option<String>, bool)>;

/// A made-up tile.
#[derive(Debug, Clone)]
pub struct Sample {
    pub geometry: TileGeometry,
    pub labels: Vec<TileLabel>,
    pub texts: Texts,
}

impl Sample {
    /// A tile with `regions` regions of `corners` corners each. Every second one labelled, every fifth has a hole,
    /// every seventh two polygons, every eleventh nobody in it.
    pub fn new(regions: u32, corners: u32) -> Self {
        let mut sample = Self { geometry: TileGeometry::default(), labels: Vec::new(), texts: Vec::new() };
        for ordinal in 0..regions {
            let (x, y) = ((ordinal % 32) as i32 * 128, (ordinal / 32 % 32) as i32 * 128);
            let mut polygons = vec![vec![ring(x + 60, y + 60, 50, corners)]];
            if ordinal % 5 == 0 {
                let hole = ring(x + 61, y + 60, 20, 5).into_iter().rev().collect();
                polygons[0].push(hole);
            }
            if ordinal % 7 == 0 {
                polygons.push(vec![ring(x + 120, y + 119, 7, 5)]);
            }
            sample.geometry.regions.push(TileRegion { ordinal, polygons, surplus: 0 });
            if ordinal % 2 == 0 {
                sample.labels.push(TileLabel { ordinal, x: x + 60, y: y + 60, rank: regions - ordinal });
            }
            sample.geometry.borders.push(TileLine {
                rank: (ordinal % 3) as u8,
                lines: vec![vec![[x, y], [x + 120, y + 3], [x + 117, y + 122]]],
            });
            sample.texts.push((
                format!("0335{ordinal:04}"),
                if ordinal % 9 == 0 { "Neu Darchau".to_owned() } else { format!("Gemeinde Nr. {ordinal}") },
                (ordinal % 4 == 0).then(|| format!("Nr. {ordinal}")),
                ordinal % 11 != 10,
            ));
        }
        sample
    }

    /// Text of a region.
    pub fn text(&self, ordinal: u32) -> RegionText<'_> {
        let (key, name, short_name, inhabited) = &self.texts[ordinal as usize];
        RegionText { key, name, short_name: short_name.as_deref(), inhabited: *inhabited }
    }
}

/// A star-like ring around a point, wound as an exterior. Its points stand alternately nearer and farther, so that no
/// three in a row lie on a line (the encoder that is compared with drops the middle one of some such).
fn ring(x: i32, y: i32, radius: i32, corners: u32) -> Vec<[i32; 2]> {
    (0..corners)
        .map(|corner| {
            let angle = 0.3 + f64::from(corner) / f64::from(corners) * std::f64::consts::TAU;
            let radius = f64::from(radius) + f64::from(corner % 2 * 6);
            let along = |part: f64| (part * radius).round() as i32;
            [x + along(angle.cos()), y + along(angle.sin())]
        })
        .collect()
}
