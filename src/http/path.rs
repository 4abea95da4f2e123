//! Reading addresses: path segments, suffixes and the parameters that all resources share.

use axum::{extract::Query, http::Uri};
use chrono::NaiveDate;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    access::Access,
    atlas::{Atlases, LayerView, View},
    domain::Lang,
    geometry::TileCoord,
    http::HttpError,
};
use std::sync::Arc;

/// The `N` segments of a path, as they stand. Slugs, keys of tiles and periods need no percent-decoding; whatever would
/// need it cannot exist.
///
/// # Errors
/// [`HttpError::NotFound`] if there are more or fewer.
pub(super) fn segments<const N: usize>(uri: &Uri) -> Result<[&str; N], HttpError> {
    let mut found = [""; N];
    let mut parts = uri.path().split('/').skip(1);
    for slot in &mut found {
        *slot = parts.next().ok_or(HttpError::NotFound)?;
    }
    if parts.next().is_some() { Err(HttpError::NotFound) } else { Ok(found) }
}

/// Name and suffix of a last segment; the suffix is what follows the last point.
pub(super) fn split_suffix(segment: &str) -> Result<(&str, &str), HttpError> {
    segment.rsplit_once('.').ok_or(HttpError::NotFound)
}

/// Name of a segment that must end in `.json`.
pub(super) fn json_name(segment: &str) -> Result<&str, HttpError> {
    segment.strip_suffix(".json").ok_or(HttpError::NotFound)
}

/// The tile of three segments; the last may end in `.mvt` or `.pbf`.
///
/// # Errors
/// [`HttpError::BadRequest`] if they are no numbers or lie outside the pyramid.
pub(super) fn tile_coord(z: &str, x: &str, y: &str) -> Result<TileCoord, HttpError> {
    let y = y.strip_suffix(".mvt").or_else(|| y.strip_suffix(".pbf")).unwrap_or(y);
    let bad = || HttpError::BadRequest(format!("'{z}/{x}/{y}' is not a tile: write z/x/y as whole numbers."));
    let (z, x, y) = (z.parse(), x.parse(), y.parse());
    let (Ok(z), Ok(x), Ok(y)) = (z, x, y) else { return Err(bad()) };
    TileCoord::new(z, x, y).map_err(|error| HttpError::BadRequest(format!("{error}.")))
}

/// The parameters of an address.
///
/// # Errors
/// [`HttpError::BadRequest`] naming the parameter that cannot be read.
pub(super) fn query<T: DeserializeOwned + Default>(uri: &Uri) -> Result<T, HttpError> {
    if uri.query().is_none() {
        return Ok(T::default());
    }
    let query = Query::try_from_uri(uri).map_err(|error| HttpError::BadRequest(error.body_text()))?;
    Ok(query.0)
}

/// Parameters that choose among what a layer offers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct LayerQuery {
    /// Version that the caller expects; only for caching.
    pub(super) v: Option<String>,
    /// Date of the boundaries.
    pub(super) edition: Option<NaiveDate>,
    /// Pins one release.
    pub(super) release: Option<u32>,
    /// Language of texts.
    #[serde(default)]
    pub(super) lang: Lang,
}

/// The atlas of a slug as the caller sees it.
pub(super) fn view(atlases: &Arc<Atlases>, access: &Access, atlas: &str) -> Result<View, HttpError> {
    atlases.view(access, atlas).ok_or(HttpError::NotFound)
}

/// The layer of an address. A pinned release that is no longer in force does not exist.
pub(super) fn layer(
    view: &View,
    (level, indicator, period): (&str, &str, &str),
    query: &LayerQuery,
) -> Result<LayerView, HttpError> {
    let layer = view.layer(level, indicator, period, query.edition).ok_or(HttpError::NotFound)?;
    let pinned = query.release.is_none_or(|number| layer.layer().release == Some(number));
    if pinned { Ok(layer) } else { Err(HttpError::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_address_takes_mvt_pbf_or_no_suffix() {
        for y in ["5", "5.mvt", "5.pbf"] {
            assert_eq!(tile_coord("4", "3", y).unwrap(), TileCoord::new(4, 3, 5).unwrap());
        }
        for (z, x, y) in [("4", "3", "5.png"), ("4", "16", "0"), ("-1", "0", "0"), ("99", "0", "0")] {
            assert!(matches!(tile_coord(z, x, y), Err(HttpError::BadRequest(_))), "{z}/{x}/{y}");
        }
    }

    #[test]
    fn a_path_has_exactly_the_segments_of_its_route() {
        let uri: Uri = "/a/tiles/l.json?x=/y".parse().unwrap();
        assert_eq!(segments::<3>(&uri).unwrap(), ["a", "tiles", "l.json"]);
        assert!(segments::<2>(&uri).is_err() && segments::<4>(&uri).is_err());
    }
}
