//! The built program as a person uses it: typed commands, files, exit statuses, sentences, a running server.
//!
//! Each test runs with a GeoPackage of its own; those about imports and releases also with a PostGIS database.

#![cfg(test)]

mod bad_files;
mod bad_tables;
mod bundles;
mod configuration;
mod derived;
mod disclosure;
mod files;
mod foreign;
mod killed;
mod moving;
mod people;
mod person;
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
#[path = "../store_contract/places.rs"]
mod places;
mod profiles;
mod public_only;
mod server;
mod templates;
mod whole_way;
mod zone;

/// Writes each test twice: module `file` on a GeoPackage and module `database` on PostGIS.
macro_rules! on_both_stores {
    ($(fn $name:ident($person:ident: &Person) $body:block)*) => {
        $(fn $name($person: &Person) $body)*
        mod file {
            $(#[test]
            fn $name() {
                super::Person::with_file(super::$name);
            })*
        }
        mod database {
            $(#[test]
            fn $name() {
                super::Person::with_database(super::$name);
            })*
        }
    };
}
pub(crate) use on_both_stores;
