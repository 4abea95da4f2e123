//! Reader of `NTv2` grids (datum shifts between two geographic systems).
//!
//! Format and interpolation after the `NTv2` *Developer's Guide* (Geodetic Survey of Canada): an overview header of
//! eleven 16-byte records, then sub-grids, each with a header of eleven records and one record of four `f32` per node;
//! rows run from south to north, nodes in a row from east to west, longitudes count positive to the west.

use super::crs::CrsError;

const RECORD: usize = 16;
const HEADER_RECORDS: usize = 11;

/// A grid of datum shifts; the shift of a point is interpolated bilinearly.
#[derive(Debug, Clone)]
pub(super) struct DatumGrid {
    subgrids: Vec<SubGrid>,
}

/// One rectangle of nodes. Angles in arc seconds, longitudes positive to the west.
#[derive(Debug, Clone)]
struct SubGrid {
    south: f64,
    east: f64,
    lat_step: f64,
    lon_step: f64,
    rows: usize,
    columns: usize,
    /// Shift of latitude and of (west) longitude per node, in arc seconds.
    shifts: Vec<[f32; 2]>,
}

/// The bytes of a grid with the byte order that its first record tells.
struct Records<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Records<'_> {
    fn word<const N: usize>(&self, at: usize) -> Result<[u8; N], CrsError> {
        let mut word: [u8; N] = self
            .bytes
            .get(at..at + N)
            .and_then(|part| part.try_into().ok())
            .ok_or(CrsError::Grid("it ends too early"))?;
        if self.big_endian {
            word.reverse();
        }
        Ok(word)
    }

    fn int(&self, record: usize) -> Result<usize, CrsError> {
        let value = i32::from_le_bytes(self.word(record * RECORD + 8)?);
        usize::try_from(value).map_err(|_| CrsError::Grid("a count is negative"))
    }

    fn double(&self, record: usize) -> Result<f64, CrsError> {
        Ok(f64::from_le_bytes(self.word(record * RECORD + 8)?))
    }

    fn float(&self, at: usize) -> Result<f32, CrsError> {
        Ok(f32::from_le_bytes(self.word(at)?))
    }
}

impl DatumGrid {
    /// Reads the bytes of a `.gsb` file.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, CrsError> {
        if !bytes.starts_with(b"NUM_OREC") {
            return Err(CrsError::Grid("it does not begin like an NTv2 file"));
        }
        let mut records = Records { bytes, big_endian: false };
        if records.int(0) != Ok(HEADER_RECORDS) {
            records.big_endian = true;
        }
        if records.int(0)? != HEADER_RECORDS || records.int(1)? != HEADER_RECORDS {
            return Err(CrsError::Grid("its headers do not have eleven records"));
        }
        if bytes.get(3 * RECORD + 8..3 * RECORD + 15) != Some(b"SECONDS") {
            return Err(CrsError::Grid("its shifts are not in seconds"));
        }
        let count = records.int(2)?;
        let mut subgrids = Vec::new();
        let mut next = HEADER_RECORDS;
        for _ in 0..count {
            let subgrid = SubGrid::read(&records, next)?;
            next += HEADER_RECORDS + subgrid.shifts.len();
            subgrids.push(subgrid);
        }
        // A finer sub-grid lies within a coarser one and goes before it.
        subgrids.sort_by(|a, b| a.lat_step.total_cmp(&b.lat_step));
        Ok(Self { subgrids })
    }

    /// The position in the target system; `None` outside the grid. Degrees, longitude positive to the east.
    pub(super) fn shift(&self, lon: f64, lat: f64) -> Option<(f64, f64)> {
        let (west, north) = (-lon * 3600.0, lat * 3600.0);
        let [lat_shift, west_shift] = self.subgrids.iter().find_map(|grid| grid.interpolate(west, north))?;
        Some((-(west + west_shift) / 3600.0, (north + lat_shift) / 3600.0))
    }
}

impl SubGrid {
    fn read(records: &Records<'_>, start: usize) -> Result<Self, CrsError> {
        let field = |index: usize| records.double(start + index);
        let (south, north, east, west) = (field(4)?, field(5)?, field(6)?, field(7)?);
        let (lat_step, lon_step) = (field(8)?, field(9)?);
        let nodes = records.int(start + 10)?;
        let (rows, columns) = (((north - south) / lat_step).round(), ((west - east) / lon_step).round());
        if !(lat_step > 0.0 && lon_step > 0.0 && (1.0..1e6).contains(&rows) && (1.0..1e6).contains(&columns))
        {
            return Err(CrsError::Grid("a sub-grid has no extent"));
        }
        let (rows, columns) = (rows as usize + 1, columns as usize + 1);
        if rows.checked_mul(columns) != Some(nodes) || nodes > records.bytes.len() / RECORD {
            return Err(CrsError::Grid("a sub-grid's number of nodes does not fit its extent"));
        }
        let first = (start + HEADER_RECORDS) * RECORD;
        let shifts = (0..nodes)
            .map(|node| {
                Ok([records.float(first + node * RECORD)?, records.float(first + node * RECORD + 4)?])
            })
            .collect::<Result<_, CrsError>>()?;
        Ok(Self { south, east, lat_step, lon_step, rows, columns, shifts })
    }

    fn interpolate(&self, west: f64, north: f64) -> Option<[f64; 2]> {
        let (column, row) = ((west - self.east) / self.lon_step, (north - self.south) / self.lat_step);
        let (last_column, last_row) = ((self.columns - 1) as f64, (self.rows - 1) as f64);
        if !((0.0..=last_column).contains(&column) && (0.0..=last_row).contains(&row)) {
            return None;
        }
        let (i, j) = (column.min(last_column - 1.0).floor(), row.min(last_row - 1.0).floor());
        let (u, v) = (column - i, row - j);
        let at = |i: usize, j: usize, part: usize| f64::from(self.shifts[j * self.columns + i][part]);
        let (i, j) = (i as usize, j as usize);
        Some([0, 1].map(|part| {
            (1.0 - v) * ((1.0 - u) * at(i, j, part) + u * at(i + 1, j, part))
                + v * ((1.0 - u) * at(i, j + 1, part) + u * at(i + 1, j + 1, part))
        }))
    }
}
