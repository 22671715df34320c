-- What only PostgreSQL can do, release 1.

-- The audit trail can be added to and read, nothing else, whoever is connected.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Prefix searches are ranges of bytes, whatever the database's locale.
DROP INDEX customers_by_name;
ALTER TABLE customers ALTER COLUMN name_folded TYPE TEXT COLLATE "C";
CREATE INDEX customers_by_name ON customers (name_folded, customer_id);

-- Which history of the database this server writes: a promoted standby begins a new one, and says so at once (its control
-- file does so only after a checkpoint). Feed numbers, rows of nodes and acknowledgements hold within one. And what time it is
-- there, in milliseconds since 1970.
CREATE VIEW timelines AS SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline,
    CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS clock_ms;
