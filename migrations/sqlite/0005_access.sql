-- What was done to releases on its way into the audit log, which is another file: written in the transaction of the act,
-- taken away once it stands in the log. `entry` is JSON. Internal, and empty but for a moment.
CREATE TABLE audit_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    entry TEXT NOT NULL
);

INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('audit_outbox', 'attributes', 'audit_outbox', 'Entries on their way into the audit log');
