-- +goose Up

-- Every table but host and counter starts its key with the portal's id, and no
-- transaction crosses portals. Times are microseconds since 1970 in UTC, amounts
-- are units of 1e-8 of the currency's major unit.

-- Which portal answers for a host name. Small, and the same on every node.
CREATE TABLE host (
  host      TEXT NOT NULL PRIMARY KEY CHECK (host = lower(host) AND host <> ''),
  portal_id TEXT NOT NULL
) STRICT;

CREATE INDEX host_of_portal ON host (portal_id);

-- Numbers that are given out once, in transactions of their own.
CREATE TABLE counter (
  name  TEXT   NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;

INSERT INTO counter (name, value) VALUES ('account_number', 100000);

-- A tenant.
CREATE TABLE portal (
  portal_id  TEXT   NOT NULL PRIMARY KEY CHECK (portal_id <> ''), -- its name on the wire
  name       TEXT   NOT NULL,
  country    TEXT   NOT NULL,                     -- ISO 3166-1 alpha-2, or ''
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL CHECK (version > 0)  -- counts the commits that changed the portal
) STRICT;

CREATE TABLE portal_user (
  portal_id  TEXT   NOT NULL REFERENCES portal,
  user_id    TEXT   NOT NULL,
  email      TEXT   NOT NULL CHECK (email = lower(email)),
  name       TEXT   NOT NULL,
  role       TEXT   NOT NULL CHECK (role IN ('owner', 'admin', 'room_admin', 'user', 'guest')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (portal_id, user_id),
  UNIQUE (portal_id, email)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_owner ON portal_user (portal_id) WHERE role = 'owner';

-- A key is kept as its SHA-256 and its last four characters.
CREATE TABLE api_key (
  portal_id    TEXT   NOT NULL REFERENCES portal,
  key_id       TEXT   NOT NULL,
  user_id      TEXT   NOT NULL,
  name         TEXT   NOT NULL,
  hash         BLOB   NOT NULL CHECK (length(hash) = 32),
  postfix      TEXT   NOT NULL,
  scopes       TEXT   NOT NULL,   -- JSON list; [] means everything
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  last_used_at INTEGER,
  PRIMARY KEY (portal_id, key_id),
  UNIQUE (portal_id, hash),
  FOREIGN KEY (portal_id, user_id) REFERENCES portal_user
) STRICT, WITHOUT ROWID;

-- The paying identity of a portal.
CREATE TABLE customer (
  portal_id      TEXT    NOT NULL PRIMARY KEY REFERENCES portal,
  account_number INTEGER  NOT NULL,
  email          TEXT    NOT NULL CHECK (email = lower(email)),
  payer_id       TEXT,              -- the user who pays; NULL when the address is nobody's
  method_status  TEXT    NOT NULL CHECK (method_status IN ('none', 'set', 'expired')),
  method_type    TEXT    NOT NULL,  -- 'card', or ''
  created_at     INTEGER  NOT NULL,
  FOREIGN KEY (portal_id, payer_id) REFERENCES portal_user (portal_id, user_id)
) STRICT, WITHOUT ROWID;

-- The part of a wallet that is in one currency.
CREATE TABLE pocket (
  portal_id   TEXT   NOT NULL REFERENCES customer,
  currency    TEXT   NOT NULL CHECK (length(currency) = 3),
  position    INTEGER NOT NULL,  -- the wallet's own currency is the lowest
  balance     INTEGER NOT NULL,
  credited    INTEGER,           -- the latest payment in
  credited_at INTEGER,
  PRIMARY KEY (portal_id, currency),
  CHECK ((credited IS NULL) = (credited_at IS NULL))
) STRICT, WITHOUT ROWID;

-- What a portal has bought. The plan has the lowest position.
CREATE TABLE subscription (
  portal_id TEXT   NOT NULL REFERENCES portal,
  plan_id   INTEGER NOT NULL CHECK (plan_id < 0),
  position  INTEGER NOT NULL,
  quantity  INTEGER NOT NULL CHECK (quantity > 0),
  due_at    INTEGER,             -- NULL: without end
  PRIMARY KEY (portal_id, plan_id)
) STRICT, WITHOUT ROWID;

-- When, and up to what, the wallet is refilled.
CREATE TABLE top_up_rule (
  portal_id   TEXT    NOT NULL PRIMARY KEY REFERENCES portal,
  enabled     INTEGER  NOT NULL CHECK (enabled IN (0, 1)),
  currency    TEXT    NOT NULL CHECK (length(currency) = 3),
  min_balance INTEGER  NOT NULL CHECK (min_balance > 0),
  up_to       INTEGER  NOT NULL CHECK (up_to > min_balance),
  modified_at INTEGER  NOT NULL
) STRICT, WITHOUT ROWID;

-- What is used of the features that are counted, as the portal last said.
CREATE TABLE usage (
  portal_id TEXT   NOT NULL REFERENCES portal,
  feature   TEXT   NOT NULL,
  used      INTEGER NOT NULL CHECK (used >= 0),
  PRIMARY KEY (portal_id, feature)
) STRICT, WITHOUT ROWID;

-- Wallet services that are paid by use and switched on.
CREATE TABLE enabled_service (
  portal_id TEXT   NOT NULL REFERENCES portal,
  plan_id   INTEGER NOT NULL,
  PRIMARY KEY (portal_id, plan_id)
) STRICT, WITHOUT ROWID;
