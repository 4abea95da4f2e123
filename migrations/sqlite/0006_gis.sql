-- Rows for a GIS department need functions that SQLite lacks: a GeoPackage is given to them as an export instead.
SELECT 1;
