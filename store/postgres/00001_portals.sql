-- +goose Up

-- The same tables as in the folder sqlite, whose comments hold here too. Text
-- sorts by its bytes, as it does there, whatever the server's language is.

-- Which portal answers for a host name. Small, and the same on every node.
CREATE TABLE host (
  host      TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (host = lower(host) AND host <> ''),
  portal_id TEXT COLLATE "C" NOT NULL
);

CREATE INDEX host_of_portal ON host (portal_id);

-- Numbers that are given out once, in transactions of their own.
CREATE TABLE counter (
  name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);

INSERT INTO counter (name, value) VALUES ('account_number', 100000);

-- A tenant.
CREATE TABLE portal (
  portal_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (portal_id <> ''), -- its name on the wire
  name       TEXT COLLATE "C" NOT NULL,
  country    TEXT COLLATE "C" NOT NULL,           -- ISO 3166-1 alpha-2, or ''
  created_at BIGINT NOT NULL,
  version    BIGINT NOT NULL CHECK (version > 0)  -- counts the commits that changed the portal
);

CREATE TABLE portal_user (
  portal_id  TEXT COLLATE "C" NOT NULL REFERENCES portal,
  user_id    TEXT COLLATE "C" NOT NULL,
  email      TEXT COLLATE "C" NOT NULL CHECK (email = lower(email)),
  name       TEXT COLLATE "C" NOT NULL,
  role       TEXT COLLATE "C" NOT NULL CHECK (role IN ('owner', 'admin', 'room_admin', 'user', 'guest')),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (portal_id, user_id),
  UNIQUE (portal_id, email)
);

CREATE UNIQUE INDEX one_owner ON portal_user (portal_id) WHERE role = 'owner';

-- A key is kept as its SHA-256 and its last four characters.
CREATE TABLE api_key (
  portal_id    TEXT COLLATE "C" NOT NULL REFERENCES portal,
  key_id       TEXT COLLATE "C" NOT NULL,
  user_id      TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  hash         BYTEA NOT NULL CHECK (length(hash) = 32),
  postfix      TEXT COLLATE "C" NOT NULL,
  scopes       TEXT COLLATE "C" NOT NULL,   -- JSON list; [] means everything
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT,
  revoked_at   BIGINT,
  last_used_at BIGINT,
  PRIMARY KEY (portal_id, key_id),
  UNIQUE (portal_id, hash),
  FOREIGN KEY (portal_id, user_id) REFERENCES portal_user
);

-- The paying identity of a portal.
CREATE TABLE customer (
  portal_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES portal,
  account_number BIGINT NOT NULL,
  email          TEXT COLLATE "C" NOT NULL CHECK (email = lower(email)),
  payer_id       TEXT COLLATE "C",           -- the user who pays; NULL when the address is nobody's
  method_status  TEXT COLLATE "C" NOT NULL CHECK (method_status IN ('none', 'set', 'expired')),
  method_type    TEXT COLLATE "C" NOT NULL,  -- 'card', or ''
  created_at     BIGINT NOT NULL,
  FOREIGN KEY (portal_id, payer_id) REFERENCES portal_user (portal_id, user_id)
);

-- The part of a wallet that is in one currency.
CREATE TABLE pocket (
  portal_id   TEXT COLLATE "C" NOT NULL REFERENCES customer,
  currency    TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  position    BIGINT NOT NULL,  -- the wallet's own currency is the lowest
  balance     BIGINT NOT NULL,
  credited    BIGINT,           -- the latest payment in
  credited_at BIGINT,
  PRIMARY KEY (portal_id, currency),
  CHECK ((credited IS NULL) = (credited_at IS NULL))
);

-- What a portal has bought. The plan has the lowest position.
CREATE TABLE subscription (
  portal_id TEXT COLLATE "C" NOT NULL REFERENCES portal,
  plan_id   BIGINT NOT NULL CHECK (plan_id < 0),
  position  BIGINT NOT NULL,
  quantity  BIGINT NOT NULL CHECK (quantity > 0),
  due_at    BIGINT,             -- NULL: without end
  PRIMARY KEY (portal_id, plan_id)
);

-- When, and up to what, the wallet is refilled.
CREATE TABLE top_up_rule (
  portal_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES portal,
  enabled     BIGINT NOT NULL CHECK (enabled IN (0, 1)),
  currency    TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
  min_balance BIGINT NOT NULL CHECK (min_balance > 0),
  up_to       BIGINT NOT NULL CHECK (up_to > min_balance),
  modified_at BIGINT NOT NULL
);

-- What is used of the features that are counted, as the portal last said.
CREATE TABLE usage (
  portal_id TEXT COLLATE "C" NOT NULL REFERENCES portal,
  feature   TEXT COLLATE "C" NOT NULL,
  used      BIGINT NOT NULL CHECK (used >= 0),
  PRIMARY KEY (portal_id, feature)
);

-- Wallet services that are paid by use and switched on.
CREATE TABLE enabled_service (
  portal_id TEXT COLLATE "C" NOT NULL REFERENCES portal,
  plan_id   BIGINT NOT NULL,
  PRIMARY KEY (portal_id, plan_id)
);
