-- +goose Up

-- A file that is built for a user of a portal, or was, and how far that is. Rows go
-- a day after they ended, with their files; the numbers are no other's afterwards.
CREATE TABLE report (
  portal_id  TEXT    NOT NULL REFERENCES portal,
  number     INTEGER NOT NULL CHECK (number > 0),     -- of all portals' reports
  user_id    TEXT    NOT NULL,                        -- who asked for it
  kind       TEXT    NOT NULL CHECK (kind IN ('operations', 'usage', 'monthly')),
  state      TEXT    NOT NULL CHECK (state IN ('created', 'running', 'completed', 'canceled', 'failed')),
  percentage INTEGER NOT NULL CHECK (percentage BETWEEN 0 AND 100),
  error      TEXT    NOT NULL,                        -- why it failed
  file_name  TEXT    NOT NULL,
  size       INTEGER NOT NULL CHECK (size >= 0),      -- bytes of the file so far
  chunks     INTEGER NOT NULL CHECK (chunks >= 0),    -- how many pieces those are
  canceled   INTEGER NOT NULL CHECK (canceled IN (0, 1)), -- somebody asked for its end
  started_at INTEGER NOT NULL,
  beat_at    INTEGER NOT NULL,                        -- when its builder was last known to live
  ended_at   INTEGER,
  PRIMARY KEY (portal_id, number),
  CHECK ((state IN ('created', 'running')) = (ended_at IS NULL)),
  CHECK (state <> 'completed' OR percentage = 100)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_running_report ON report (portal_id, user_id, kind) WHERE ended_at IS NULL;

CREATE INDEX report_of_user ON report (portal_id, user_id, kind, number);

-- A piece of a report's file: each but the last is equally long.
CREATE TABLE report_chunk (
  portal_id TEXT    NOT NULL,
  number    INTEGER NOT NULL,
  chunk     INTEGER NOT NULL CHECK (chunk >= 0),
  data      BLOB    NOT NULL CHECK (length(data) BETWEEN 1 AND 524288),
  PRIMARY KEY (portal_id, number, chunk),
  FOREIGN KEY (portal_id, number) REFERENCES report
) STRICT;

INSERT INTO counter (name, value) VALUES ('report', 0);
