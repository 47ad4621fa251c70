-- +goose Up

-- The ledger: see ledger/README.md for what accounts mean and which laws hold.
-- Rows of these tables refer to their portal by its id only: a reference that the
-- engine checks would cost each transfer a look at a row that every other one of
-- the portal locks. "bursar verify" finds what would have been refused.

-- Half of each page of book and pocket is left free: their rows change with every
-- transfer, and find room for the next version where they are.

-- One of a portal's series of transfers, and how far it has got. Its row is what
-- whoever moves the portal's money locks.
CREATE TABLE book (
  portal_id TEXT COLLATE "C"    NOT NULL,
  book      TEXT COLLATE "C"    NOT NULL CHECK (book IN ('main', 'ai')),
  last      BIGINT NOT NULL CHECK (last >= 0),       -- number of the last transfer
  last_hold BIGINT NOT NULL CHECK (last_hold >= 0),  -- number of the last hold
  last_at   BIGINT NOT NULL,                         -- no later moment is in it
  changes   BIGINT NOT NULL,                         -- counts the commits that touched the book
  sealed    BIGINT NOT NULL DEFAULT 0 CHECK (sealed BETWEEN 0 AND last), -- transfers up to here are sealed
  PRIMARY KEY (portal_id, book)
) WITH (fillfactor = 50);

INSERT INTO book (portal_id, book, last, last_hold, last_at, changes)
SELECT portal_id, 'main', 0, 0, created_at, 0 FROM portal
UNION ALL
SELECT portal_id, 'ai', 0, 0, created_at, 0 FROM portal;

-- What was done, by the caller's key, for ever.
CREATE TABLE done (
  portal_id     TEXT COLLATE "C"    NOT NULL,
  key           TEXT COLLATE "C"    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input         BYTEA    NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  at            BIGINT NOT NULL,
  main_transfer BIGINT CHECK (main_transfer > 0),
  ai_transfer   BIGINT CHECK (ai_transfer > 0),
  hold          BIGINT CHECK (hold > 0),
  currency      TEXT COLLATE "C"    NOT NULL CHECK (length(currency) = 3),
  amount        BIGINT NOT NULL,
  available     BIGINT NOT NULL,   -- after it
  expires_at    BIGINT,
  PRIMARY KEY (portal_id, key),
  CHECK (coalesce(main_transfer, ai_transfer, hold) IS NOT NULL)
);

-- Money moved from one account to another, for ever: never updated or deleted.
CREATE TABLE transfer (
  portal_id   TEXT COLLATE "C"    NOT NULL,
  book        TEXT COLLATE "C"    NOT NULL CHECK (book IN ('main', 'ai')),
  number      BIGINT NOT NULL CHECK (number > 0),  -- without a gap
  at          BIGINT NOT NULL,                     -- never before the one in front
  type        BIGINT NOT NULL CHECK (type BETWEEN 0 AND 19), -- contract 10.2
  debit       TEXT COLLATE "C"    NOT NULL,
  credit      TEXT COLLATE "C"    NOT NULL,
  currency    TEXT COLLATE "C"    NOT NULL CHECK (length(currency) = 3),
  amount      BIGINT NOT NULL CHECK (amount > 0),
  balance     BIGINT NOT NULL,                     -- the pocket's after it
  key         TEXT COLLATE "C"    NOT NULL,                     -- of the request that caused it
  service     TEXT COLLATE "C"    NOT NULL,
  quantity    BIGINT NOT NULL CHECK (quantity >= 0),
  participant TEXT COLLATE "C"    NOT NULL,
  metadata    TEXT COLLATE "C"    NOT NULL,                     -- JSON object of texts, or ''
  corrects    BIGINT CHECK (corrects > 0 AND corrects < number),
  hold        BIGINT CHECK (hold > 0),
  PRIMARY KEY (portal_id, book, number),
  CHECK ((debit = 'wallet') <> (credit = 'wallet'))
);

CREATE INDEX correction ON transfer (portal_id, book, corrects) WHERE corrects IS NOT NULL;

-- Money that is reserved.
CREATE TABLE hold (
  portal_id   TEXT COLLATE "C"    NOT NULL,
  number      BIGINT NOT NULL CHECK (number > 0),  -- without a gap
  state       TEXT COLLATE "C"    NOT NULL CHECK (state IN ('open', 'completed', 'voided', 'expired')),
  currency    TEXT COLLATE "C"    NOT NULL CHECK (length(currency) = 3),
  amount      BIGINT NOT NULL CHECK (amount > 0),
  posted      BIGINT NOT NULL CHECK (posted BETWEEN 0 AND amount),
  transfer    BIGINT CHECK (transfer > 0),
  key         TEXT COLLATE "C"    NOT NULL,                     -- of the request that opened it
  service     TEXT COLLATE "C"    NOT NULL,
  quantity    BIGINT NOT NULL CHECK (quantity >= 0),
  participant TEXT COLLATE "C"    NOT NULL,
  metadata    TEXT COLLATE "C"    NOT NULL,
  opened_at   BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  closed_at   BIGINT,
  PRIMARY KEY (portal_id, number),
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'completed') = (transfer IS NOT NULL)),
  CHECK ((state = 'completed') = (posted > 0))
);

CREATE INDEX open_hold ON hold (portal_id, expires_at) WHERE state = 'open';

-- The part of a book's wallet that is in one currency. Balances that were set
-- before there was a ledger become its first transfers.
ALTER TABLE pocket RENAME TO old_pocket;

CREATE TABLE pocket (
  portal_id    TEXT COLLATE "C"    NOT NULL,
  book         TEXT COLLATE "C"    NOT NULL CHECK (book IN ('main', 'ai')),
  currency     TEXT COLLATE "C"    NOT NULL CHECK (length(currency) = 3),
  position     BIGINT NOT NULL,  -- the wallet's own currency is the lowest
  balance      BIGINT NOT NULL,
  held         BIGINT NOT NULL CHECK (held >= 0),
  credit_limit BIGINT NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
  credited     BIGINT,           -- the latest deposit
  credited_at  BIGINT,
  PRIMARY KEY (portal_id, book, currency),
  CHECK ((credited IS NULL) = (credited_at IS NULL))
) WITH (fillfactor = 50);

INSERT INTO transfer (portal_id, book, number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata)
SELECT p.portal_id, 'main', row_number() OVER (PARTITION BY p.portal_id ORDER BY p.position), b.last_at, 13,
       CASE WHEN p.balance > 0 THEN 'opening' ELSE 'wallet' END,
       CASE WHEN p.balance > 0 THEN 'wallet' ELSE 'opening' END,
       p.currency, abs(p.balance), p.balance, 'opening-' || p.currency, '', 0, '', ''
  FROM old_pocket p
  JOIN book b ON b.portal_id = p.portal_id AND b.book = 'main'
 WHERE p.balance <> 0;

INSERT INTO done (portal_id, key, input, at, main_transfer, currency, amount, available)
SELECT portal_id, key, decode(repeat('00', 32), 'hex'), at, number, currency, amount, balance
  FROM transfer;

INSERT INTO pocket (portal_id, book, currency, position, balance, held, credit_limit, credited, credited_at)
SELECT portal_id, 'main', currency, position, balance, 0, CASE WHEN balance < 0 THEN -balance ELSE 0 END, credited, credited_at
  FROM old_pocket;

UPDATE book
   SET last = (SELECT count(*) FROM transfer t WHERE t.portal_id = book.portal_id AND t.book = book.book);

DROP TABLE old_pocket;

-- A range of transfers, closed by a hash over them and the seal before.
CREATE TABLE seal (
  portal_id TEXT COLLATE "C"    NOT NULL,
  book      TEXT COLLATE "C"    NOT NULL CHECK (book IN ('main', 'ai')),
  first     BIGINT NOT NULL CHECK (first > 0),
  last      BIGINT NOT NULL CHECK (last >= first),
  hash      BYTEA    NOT NULL CHECK (length(hash) = 32),
  marks     BYTEA    NOT NULL,       -- the first 8 bytes of each transfer's hash
  at        BIGINT NOT NULL,
  PRIMARY KEY (portal_id, book, last)
);

-- One attempt to collect money from a payment provider. It is there before the
-- provider is asked.
CREATE TABLE collection (
  portal_id  TEXT COLLATE "C"    NOT NULL,
  number     BIGINT NOT NULL CHECK (number > 0),
  key        TEXT COLLATE "C"    NOT NULL,     -- the caller's, or one of our own
  input      BYTEA    NOT NULL CHECK (length(input) = 32),
  state      TEXT COLLATE "C"    NOT NULL CHECK (state IN ('open', 'unknown', 'settled', 'declined')),
  provider   TEXT COLLATE "C"    NOT NULL,
  currency   TEXT COLLATE "C"    NOT NULL CHECK (length(currency) = 3),
  amount     BIGINT NOT NULL CHECK (amount > 0),
  reference  TEXT COLLATE "C"    NOT NULL,     -- the provider's own id; '' while unknown
  reason     TEXT COLLATE "C"    NOT NULL,     -- why it was declined
  participant TEXT COLLATE "C"   NOT NULL,     -- who asked for it
  opened_at  BIGINT NOT NULL,
  asked_at   BIGINT NOT NULL,     -- when the provider was last asked, or was going to be
  closed_at  BIGINT,
  PRIMARY KEY (portal_id, number),
  UNIQUE (portal_id, key),
  CHECK ((state IN ('open', 'unknown')) = (closed_at IS NULL))
);

CREATE UNIQUE INDEX one_open_collection ON collection (portal_id) WHERE closed_at IS NULL;

-- Who runs Bursar: keys that are for no portal. Small, and the same on every node.
CREATE TABLE operator_key (
  key_id     TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
  name       TEXT COLLATE "C"    NOT NULL,
  hash       BYTEA    NOT NULL UNIQUE CHECK (length(hash) = 32),
  postfix    TEXT COLLATE "C"    NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
);

INSERT INTO counter (name, value) VALUES ('operator_keys', 1);

-- What the sandbox provider collected, as a real one's own books would say.
CREATE TABLE sandbox_charge (
  portal_id TEXT COLLATE "C"    NOT NULL,
  id        TEXT COLLATE "C"    NOT NULL,
  currency  TEXT COLLATE "C"    NOT NULL,
  amount    BIGINT NOT NULL,
  state     TEXT COLLATE "C"    NOT NULL,
  reason    TEXT COLLATE "C"    NOT NULL,
  reference TEXT COLLATE "C"    NOT NULL,
  at        BIGINT NOT NULL,
  due       BIGINT,
  PRIMARY KEY (portal_id, id)
);
