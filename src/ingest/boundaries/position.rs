//! From the coordinates of a file to degrees: which system they are in, and whether the result can be true.

use std::path::PathBuf;

use geo_types::{Coord, CoordsIterMut as _, MultiPolygon};

use super::table::{DeclaredCrs, Feature, Shape};
use crate::{
    geometry::{Crs, Reprojector},
    ingest::Report,
};
