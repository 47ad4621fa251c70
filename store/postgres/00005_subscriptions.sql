-- +goose Up

-- What a portal has bought, with the period that it is paid for.
ALTER TABLE subscription ADD COLUMN next_quantity BIGINT CHECK (next_quantity >= 0); -- of the next period; NULL: as now, 0: none
ALTER TABLE subscription ADD COLUMN paid_from TEXT COLLATE "C" NOT NULL DEFAULT '' CHECK (paid_from IN ('', 'card', 'wallet')); -- '': agreed elsewhere
ALTER TABLE subscription ADD COLUMN currency TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN rate BIGINT NOT NULL DEFAULT 0 CHECK (rate >= 0); -- of all of it, for the whole period
ALTER TABLE subscription ADD COLUMN started_at BIGINT;                  -- of the period; NULL: not known
ALTER TABLE subscription ADD COLUMN anchor_at BIGINT;                   -- what periods are counted from
ALTER TABLE subscription ADD COLUMN time_zone TEXT COLLATE "C" NOT NULL DEFAULT '';  -- that the period's days are in

-- Counts the changes of what the portal has bought, and when its services were
-- switched last.
ALTER TABLE portal ADD COLUMN tariff BIGINT NOT NULL DEFAULT 1 CHECK (tariff > 0);
ALTER TABLE portal ADD COLUMN services_at BIGINT;

-- The payment method that is charged, as its provider names it.
ALTER TABLE customer ADD COLUMN provider TEXT COLLATE "C" NOT NULL DEFAULT '';     -- '': as configured
ALTER TABLE customer ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';      -- the provider's own id of the customer
ALTER TABLE customer ADD COLUMN method TEXT COLLATE "C" NOT NULL DEFAULT '';       -- its token of the method
ALTER TABLE customer ADD COLUMN method_label TEXT COLLATE "C" NOT NULL DEFAULT ''; -- 'Visa •••• 4242'
ALTER TABLE customer ADD COLUMN fingerprint TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE customer ADD COLUMN delayed BIGINT NOT NULL DEFAULT 0 CHECK (delayed IN (0, 1)); -- settles late
ALTER TABLE customer ADD COLUMN method_at BIGINT;                      -- since when it is the method; NULL: not known

CREATE INDEX customer_account ON customer (account) WHERE account <> '';

-- What a collection is for, and the provider's page that it waits at.
ALTER TABLE collection ADD COLUMN purpose TEXT COLLATE "C" NOT NULL DEFAULT 'deposit' CHECK (purpose IN ('deposit', 'plan'));
ALTER TABLE collection ADD COLUMN plan_id BIGINT NOT NULL DEFAULT 0;   -- of a plan
ALTER TABLE collection ADD COLUMN quantity BIGINT NOT NULL DEFAULT 0;  -- that it is to have then
ALTER TABLE collection ADD COLUMN tariff BIGINT NOT NULL DEFAULT 0;    -- the portal's, when it was priced
ALTER TABLE collection ADD COLUMN page TEXT COLLATE "C" NOT NULL DEFAULT '';        -- '': nobody has to come
ALTER TABLE collection ADD COLUMN page_until BIGINT;

-- Somebody who looks at a page may never pay: that keeps nobody else waiting.
DROP INDEX one_open_collection;
CREATE UNIQUE INDEX one_open_collection ON collection (portal_id) WHERE closed_at IS NULL AND page = '';
CREATE INDEX open_page ON collection (portal_id) WHERE closed_at IS NULL AND page <> '';

-- Keys of what was bought and cost nothing, which the ledger therefore knows nothing
-- of.
CREATE TABLE costless (
  portal_id TEXT COLLATE "C" NOT NULL REFERENCES portal,
  key       TEXT COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input     BYTEA NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  currency  TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  at        BIGINT NOT NULL,
  PRIMARY KEY (portal_id, key)
);

-- AI models that the portal's people may not use.
CREATE TABLE restricted_model (
  portal_id TEXT COLLATE "C" NOT NULL REFERENCES portal,
  model     TEXT COLLATE "C" NOT NULL CHECK (model <> ''),
  PRIMARY KEY (portal_id, model)
);

-- Who changed what: never updated or deleted. What concerns no portal has ''.
CREATE TABLE audit (
  portal_id  TEXT COLLATE "C" NOT NULL,
  number     BIGINT NOT NULL CHECK (number > 0),
  at         BIGINT NOT NULL,
  action     TEXT COLLATE "C" NOT NULL CHECK (action <> ''),
  object     TEXT COLLATE "C" NOT NULL,  -- what was changed: the id of a key, the name of a plan
  actor      TEXT COLLATE "C" NOT NULL,  -- 'user', 'operator', 'command', 'provider' or 'bursar'
  actor_id   TEXT COLLATE "C" NOT NULL,
  actor_name TEXT COLLATE "C" NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  before     TEXT COLLATE "C" NOT NULL,  -- JSON, or ''
  after      TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (portal_id, number)
);
