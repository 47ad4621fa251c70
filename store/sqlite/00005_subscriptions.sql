-- +goose Up

-- What a portal has bought, with the period that it is paid for.
ALTER TABLE subscription ADD COLUMN next_quantity INTEGER CHECK (next_quantity >= 0); -- of the next period; NULL: as now, 0: none
ALTER TABLE subscription ADD COLUMN paid_from TEXT NOT NULL DEFAULT '' CHECK (paid_from IN ('', 'card', 'wallet')); -- '': agreed elsewhere
ALTER TABLE subscription ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN rate INTEGER NOT NULL DEFAULT 0 CHECK (rate >= 0); -- of all of it, for the whole period
ALTER TABLE subscription ADD COLUMN started_at INTEGER;                  -- of the period; NULL: not known
ALTER TABLE subscription ADD COLUMN anchor_at INTEGER;                   -- what periods are counted from
ALTER TABLE subscription ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';  -- that the period's days are in

-- Counts the changes of what the portal has bought, and when its services were
-- switched last.
ALTER TABLE portal ADD COLUMN tariff INTEGER NOT NULL DEFAULT 1 CHECK (tariff > 0);
ALTER TABLE portal ADD COLUMN services_at INTEGER;

-- The payment method that is charged, as its provider names it.
ALTER TABLE customer ADD COLUMN provider TEXT NOT NULL DEFAULT '';     -- '': as configured
ALTER TABLE customer ADD COLUMN account TEXT NOT NULL DEFAULT '';      -- the provider's own id of the customer
ALTER TABLE customer ADD COLUMN method TEXT NOT NULL DEFAULT '';       -- its token of the method
ALTER TABLE customer ADD COLUMN method_label TEXT NOT NULL DEFAULT ''; -- 'Visa •••• 4242'
ALTER TABLE customer ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE customer ADD COLUMN delayed INTEGER NOT NULL DEFAULT 0 CHECK (delayed IN (0, 1)); -- settles late
ALTER TABLE customer ADD COLUMN method_at INTEGER;                      -- since when it is the method; NULL: not known

CREATE INDEX customer_account ON customer (account) WHERE account <> '';

-- What a collection is for, and the provider's page that it waits at.
ALTER TABLE collection ADD COLUMN purpose TEXT NOT NULL DEFAULT 'deposit' CHECK (purpose IN ('deposit', 'plan'));
ALTER TABLE collection ADD COLUMN plan_id INTEGER NOT NULL DEFAULT 0;   -- of a plan
ALTER TABLE collection ADD COLUMN quantity INTEGER NOT NULL DEFAULT 0;  -- that it is to have then
ALTER TABLE collection ADD COLUMN tariff INTEGER NOT NULL DEFAULT 0;    -- the portal's, when it was priced
ALTER TABLE collection ADD COLUMN page TEXT NOT NULL DEFAULT '';        -- '': nobody has to come
ALTER TABLE collection ADD COLUMN page_until INTEGER;

-- Somebody who looks at a page may never pay: that keeps nobody else waiting.
DROP INDEX one_open_collection;
CREATE UNIQUE INDEX one_open_collection ON collection (portal_id) WHERE closed_at IS NULL AND page = '';
CREATE INDEX open_page ON collection (portal_id) WHERE closed_at IS NULL AND page <> '';

-- Keys of what was bought and cost nothing, which the ledger therefore knows nothing
-- of.
CREATE TABLE costless (
  portal_id TEXT NOT NULL REFERENCES portal,
  key       TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input     BLOB NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  currency  TEXT NOT NULL CHECK (length(currency) = 3),
  at        INTEGER NOT NULL,
  PRIMARY KEY (portal_id, key)
) STRICT, WITHOUT ROWID;

-- AI models that the portal's people may not use.
CREATE TABLE restricted_model (
  portal_id TEXT NOT NULL REFERENCES portal,
  model     TEXT NOT NULL CHECK (model <> ''),
  PRIMARY KEY (portal_id, model)
) STRICT, WITHOUT ROWID;

-- Who changed what: never updated or deleted. What concerns no portal has ''.
CREATE TABLE audit (
  portal_id  TEXT    NOT NULL,
  number     INTEGER NOT NULL CHECK (number > 0),
  at         INTEGER NOT NULL,
  action     TEXT    NOT NULL CHECK (action <> ''),
  object     TEXT    NOT NULL,  -- what was changed: the id of a key, the name of a plan
  actor      TEXT    NOT NULL,  -- 'user', 'operator', 'command', 'provider' or 'bursar'
  actor_id   TEXT    NOT NULL,
  actor_name TEXT    NOT NULL,
  request_id TEXT    NOT NULL,
  before     TEXT    NOT NULL,  -- JSON, or ''
  after      TEXT    NOT NULL,
  PRIMARY KEY (portal_id, number)
) STRICT, WITHOUT ROWID;
