-- What SQLite says in other words, release 1.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- A file has one history, and this machine's clock.
CREATE VIEW timelines AS SELECT 'file' AS timeline,
    CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS clock_ms;
