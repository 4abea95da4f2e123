-- What was done to releases on its way into the audit log, where the schema of the log is not there yet: written in the
-- transaction of the act, taken away once it stands in the log. `entry` is JSON. Internal, and mostly empty.
CREATE TABLE audit_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry TEXT NOT NULL
);
