-- +goose Up

-- A file that is built for a user of a portal, or was, and how far that is. Rows go
-- a day after they ended, with their files; the numbers are no other's afterwards.
CREATE TABLE report (
  portal_id  TEXT COLLATE "C"    NOT NULL REFERENCES portal,
  number     BIGINT NOT NULL CHECK (number > 0),     -- of all portals' reports
  user_id    TEXT COLLATE "C"    NOT NULL,                        -- who asked for it
  kind       TEXT COLLATE "C"    NOT NULL CHECK (kind IN ('operations', 'usage', 'monthly')),
  state      TEXT COLLATE "C"    NOT NULL CHECK (state IN ('created', 'running', 'completed', 'canceled', 'failed')),
  percentage BIGINT NOT NULL CHECK (percentage BETWEEN 0 AND 100),
  error      TEXT COLLATE "C"    NOT NULL,                        -- why it failed
  file_name  TEXT COLLATE "C"    NOT NULL,
  size       BIGINT NOT NULL CHECK (size >= 0),      -- bytes of the file so far
  chunks     BIGINT NOT NULL CHECK (chunks >= 0),    -- how many pieces those are
  canceled   BIGINT NOT NULL CHECK (canceled IN (0, 1)), -- somebody asked for its end
  started_at BIGINT NOT NULL,
  beat_at    BIGINT NOT NULL,                        -- when its builder was last known to live
  ended_at   BIGINT,
  PRIMARY KEY (portal_id, number),
  CHECK ((state IN ('created', 'running')) = (ended_at IS NULL)),
  CHECK (state <> 'completed' OR percentage = 100)
);

CREATE UNIQUE INDEX one_running_report ON report (portal_id, user_id, kind) WHERE ended_at IS NULL;

CREATE INDEX report_of_user ON report (portal_id, user_id, kind, number);

-- A piece of a report's file: each but the last is equally long.
CREATE TABLE report_chunk (
  portal_id TEXT COLLATE "C"    NOT NULL,
  number    BIGINT NOT NULL,
  chunk     BIGINT NOT NULL CHECK (chunk >= 0),
  data      BYTEA   NOT NULL CHECK (length(data) BETWEEN 1 AND 524288),
  PRIMARY KEY (portal_id, number, chunk),
  FOREIGN KEY (portal_id, number) REFERENCES report
);

INSERT INTO counter (name, value) VALUES ('report', 0);
