//! Kommunalatlas: vector tile and map server for municipalities.

pub mod access;
pub mod atlas;
pub mod classification;
pub mod clock;
pub mod domain;
pub mod geometry;
pub mod http;
pub mod ingest;
pub mod release;
pub mod store;
pub mod style;
pub mod tile;
