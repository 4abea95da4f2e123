//! Kommunalatlas: a vector tile and map server for municipalities.
//!
//! It joins indicator values (child poverty, day-care rates, school entry examinations …) to municipal boundaries, serves
//! cached vector tiles, MapLibre styles and TileJSON, and decides per request whether the caller sees internal data or only
//! what was released.
//!
//! # The idea
//!
//! Everything heavy is immutable and keyed by an id that never changes meaning. Only the small catalogue changes; it is
//! swapped whole. So caches need no invalidation, servers on one database agree, and public bytes can be cached by anyone.
//!
//! - An *edition* (boundaries of one level at one date) is imported once. Its polygons become shared arcs, simplified once
//!   per zoom, so that both sides of a border stay identical.
//! - A *series* (one indicator, period and edition) is one packed column of values and statuses, by the region's ordinal. A
//!   correction is a new series.
//! - A *release* is what an audience gets of series on a level: rounded, classified, stored on its own. A correction is a
//!   new release.
//! - A tile is *skeleton + column*: the skeleton holds encoded geometry, keys and names, the same for every indicator and
//!   year; the column holds the values. Joining them is a splice of bytes.
//!
//! # Where things are
//!
//! | module | holds | may use |
//! |---|---|---|
//! | [`domain`] | pure: slug, key, period, status, column, indicator, classes | – |
//! | [`geometry`] | pure: grid, reprojection, topology, simplification, clipping, labels | domain |
//! | [`classification`] | pure: values → breaks | domain |
//! | [`disclosure`] | pure: primary rules, secondary suppression, attack audit, certificate | domain |
//! | [`tile`] | pure: skeleton, splice, TileJSON | domain, geometry |
//! | [`style`] | pure: styles, legends, palettes, glyphs, sprites | domain, classification, tile |
//! | [`store`] | the only place with SQL: GeoPackage and PostGIS | domain, geometry |
//! | [`access`] | who is asking; makes `Access`, `Editor`, `Publisher` | domain, store |
//! | [`atlas`] | the read model: catalogue, `View`, `LayerView`, caches | domain, geometry, classification, tile, store, access |
//! | [`ingest`] | boundaries, statistics, catalogue, facilities; report | domain, geometry, classification, tile, store, access |
//! | [`release`] | check, protect, audit, publish, withdraw, open, close | domain, classification, disclosure, store, access, atlas |
//! | [`extract`] | what is taken out: prefilled templates, data in the forms that come in again | domain, geometry, classification, tile, style, store, access, atlas |
//! | [`http`], [`cli`] | one file per resource or command; never SQL | all of the above |
//!
//! `tests/layers.rs` reads the sources and holds them to this table. Beside `src`: `migrations/` (the schema, twice),
//! `styles/` (palettes and templates), `catalogue/` (the starter catalogue), `demo/` (demo data), `web/` (the viewer,
//! embedded into the binary), `deploy/` (how it is run), `tests/`, `benches/`.
//!
//! # Invariants
//!
//! - Values are reachable only through `atlases.view(access, atlas)?.layer(level, indicator, period)?`, a
//!   [`atlas::LayerView`]. A public one is filled from public releases only: unreleased numbers are never read for it.
//! - Writes take an [`access::Editor`] or [`access::Publisher`], which only [`access`] makes.
//! - Nothing public contains a row id, an internal counter or the store's generation. A layer's version is a hash of what
//!   its audience sees.
//! - What is public is said twice, and tests hold the two together: in [`atlas`] for a full store, and as views for a store
//!   that a public-only server reads, which holds nothing else (`migrations/sqlite/public_views.sql`).
//! - Every cache key names that version. What a caller may not see answers exactly like what does not exist.
//! - Every region of an edition is in every tile that it touches, from the edition's least zoom on, however small it is.
//! - An import stores everything or nothing, and says so in a report.
//!
//! # Walk-through: a tile
//!
//! `GET /a/tiles/gemeinde/day-care-rate/2020/9/271/166.mvt` arrives in [`http`] (`tiles.rs`). The path is checked
//! ([`geometry::TileCoord`]), [`access::Gate::authenticate`] says who is asking, [`atlas::Atlases::view`] gives the atlas as that
//! caller sees it, [`atlas::View::layer`] the layer. If the caller already holds its version: 304, without any work. Else
//! [`atlas::LayerView::tile`] looks into the tile cache; if it is not there, the skeleton (from arcs of this zoom, clipped
//! once) and the column (one row of the store) are spliced by [`tile::Skeleton::encode`].
//!
//! # Walk-through: an import
//!
//! `kommunalatlas import values FILE` ends in [`ingest::statistics`]: encoding, delimiter and layout are found from the
//! content, rows become typed observations with their line numbers, keys are resolved against the edition, all problems are
//! collected in an [`ingest::Report`]. Without errors, the columns are stored in one transaction with the classes of the
//! internal layer. Public answers do not change.
//!
//! # Walk-through: a template that comes back
//!
//! `kommunalatlas template FILE.xlsx --department D` takes from the delivery list what the department owes, from a
//! [`atlas::View`] keys, names and the latest values, and [`extract::template`] makes a workbook of them. A hidden sheet
//! says what it is about ([`domain::TemplateHead`], ordinary text in cells, which every spreadsheet program keeps). Filled,
//! it comes back by `import values FILE`: [`ingest::statistics::import_template`] reads that sheet, makes the mapping of the
//! columns, and the import goes its ordinary way. Files of others are recognised by their header, if their mapping was
//! saved as a profile.
//!
//! # Walk-through: a release
//!
//! `kommunalatlas release INDICATOR` ends in [`release::release`]: is the sheet complete, are there values? Then comes
//! [`release::gate::examine`]: the series, everything that is tied to them and everything that was ever public become one
//! table of counts; [`disclosure::protect`] finds what must be withheld, [`disclosure::audit`] attacks the result by other
//! means, and without its word nothing is released. The columns are rounded to the indicator's decimals, classified over all
//! released periods, and stored with classes and certificate in one transaction that raises the store's generation. Every
//! server polls that number and swaps its catalogue. The same transaction holds what the audit log says of it.
//!
//! # Walk-through: several servers, and none of them with its database
//!
//! [`store::Watch`] looks for the generation four times a second on a connection of its own; a notification of the database
//! only makes it look earlier. [`atlas::Atlases::look`] then reads the catalogue, from a replica only if that has come to
//! this generation, and never takes an older one. Where the database does not answer, [`atlas::Atlases::is_cut_off`] says
//! so: what is in memory is still served, but never as `immutable`, people who were verified in the last five minutes are
//! let in by [`access::Gate`], and everything that needs the database is answered 503 by [`http`] with a time to come back.

pub mod access;
pub mod atlas;
pub mod classification;
pub mod cli;
pub mod clock;
pub mod config;
pub mod disclosure;
pub mod domain;
pub mod extract;
pub mod geometry;
pub mod http;
pub mod ingest;
pub mod release;
pub mod store;
pub mod style;
pub mod tile;
