-- +goose Up

-- Who asked for what was done under a key, in words: "operator <key> <request>". It
-- is empty where that is not known, as of all that is older than this column.
ALTER TABLE done ADD COLUMN origin TEXT NOT NULL DEFAULT '';

-- Money that the operator gives back of a collection, at its provider's.
CREATE TABLE refund (
  portal_id  TEXT    NOT NULL REFERENCES portal,
  collection INTEGER NOT NULL CHECK (collection > 0), -- the number of what is given back
  number     INTEGER NOT NULL CHECK (number > 0),     -- of the collection's refunds
  key        TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input      BLOB    NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  state      TEXT    NOT NULL CHECK (state IN ('open', 'settled', 'declined')),
  currency   TEXT    NOT NULL CHECK (length(currency) = 3),
  amount     INTEGER NOT NULL CHECK (amount > 0),
  total      INTEGER NOT NULL CHECK (total >= amount), -- of all that is given back then
  why        TEXT    NOT NULL,                        -- for people
  reference  TEXT    NOT NULL,                        -- the provider's own id of it
  reason     TEXT    NOT NULL,                        -- why it was declined
  transfer   INTEGER CHECK (transfer > 0),            -- that took it out of the wallet
  opened_at  INTEGER NOT NULL,
  asked_at   INTEGER NOT NULL,
  closed_at  INTEGER,
  PRIMARY KEY (portal_id, collection, number),
  UNIQUE (portal_id, key),
  CHECK ((state = 'open') = (closed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_open_refund ON refund (portal_id, collection) WHERE closed_at IS NULL;
