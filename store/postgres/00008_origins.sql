-- +goose Up

-- Who asked for what was done under a key, in words: "operator <key> <request>". It
-- is empty where that is not known, as of all that is older than this column.
ALTER TABLE done ADD COLUMN origin TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Money that the operator gives back of a collection, at its provider's.
CREATE TABLE refund (
  portal_id  TEXT COLLATE "C" NOT NULL REFERENCES portal,
  collection BIGINT NOT NULL CHECK (collection > 0), -- the number of what is given back
  number     BIGINT NOT NULL CHECK (number > 0),     -- of the collection's refunds
  key        TEXT COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input      BYTEA   NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'settled', 'declined')),
  currency   TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  amount     BIGINT NOT NULL CHECK (amount > 0),
  total      BIGINT NOT NULL CHECK (total >= amount), -- of all that is given back then
  why        TEXT COLLATE "C" NOT NULL,                        -- for people
  reference  TEXT COLLATE "C" NOT NULL,                        -- the provider's own id of it
  reason     TEXT COLLATE "C" NOT NULL,                        -- why it was declined
  transfer   BIGINT CHECK (transfer > 0),            -- that took it out of the wallet
  opened_at  BIGINT NOT NULL,
  asked_at   BIGINT NOT NULL,
  closed_at  BIGINT,
  PRIMARY KEY (portal_id, collection, number),
  UNIQUE (portal_id, key),
  CHECK ((state = 'open') = (closed_at IS NULL))
);

CREATE UNIQUE INDEX one_open_refund ON refund (portal_id, collection) WHERE closed_at IS NULL;
