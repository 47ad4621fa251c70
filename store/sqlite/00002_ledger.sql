-- +goose Up

-- The ledger: see ledger/README.md for what accounts mean and which laws hold.
-- Rows of these tables refer to their portal by its id only: a reference that the
-- engine checks would cost each transfer a look at a row that every other one of
-- the portal locks. "bursar verify" finds what would have been refused.

-- One of a portal's series of transfers, and how far it has got. Its row is what
-- whoever moves the portal's money locks.
CREATE TABLE book (
  portal_id TEXT    NOT NULL,
  book      TEXT    NOT NULL CHECK (book IN ('main', 'ai')),
  last      INTEGER NOT NULL CHECK (last >= 0),       -- number of the last transfer
  last_hold INTEGER NOT NULL CHECK (last_hold >= 0),  -- number of the last hold
  last_at   INTEGER NOT NULL,                         -- no later moment is in it
  changes   INTEGER NOT NULL,                         -- counts the commits that touched the book
  sealed    INTEGER NOT NULL DEFAULT 0 CHECK (sealed BETWEEN 0 AND last), -- transfers up to here are sealed
  PRIMARY KEY (portal_id, book)
) STRICT, WITHOUT ROWID;

INSERT INTO book (portal_id, book, last, last_hold, last_at, changes)
SELECT portal_id, 'main', 0, 0, created_at, 0 FROM portal
UNION ALL
SELECT portal_id, 'ai', 0, 0, created_at, 0 FROM portal;

-- What was done, by the caller's key, for ever.
CREATE TABLE done (
  portal_id     TEXT    NOT NULL,
  key           TEXT    NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  input         BLOB    NOT NULL CHECK (length(input) = 32), -- SHA-256 of what was asked
  at            INTEGER NOT NULL,
  main_transfer INTEGER CHECK (main_transfer > 0),
  ai_transfer   INTEGER CHECK (ai_transfer > 0),
  hold          INTEGER CHECK (hold > 0),
  currency      TEXT    NOT NULL CHECK (length(currency) = 3),
  amount        INTEGER NOT NULL,
  available     INTEGER NOT NULL,   -- after it
  expires_at    INTEGER,
  PRIMARY KEY (portal_id, key),
  CHECK (coalesce(main_transfer, ai_transfer, hold) IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Money moved from one account to another, for ever: never updated or deleted.
CREATE TABLE transfer (
  portal_id   TEXT    NOT NULL,
  book        TEXT    NOT NULL CHECK (book IN ('main', 'ai')),
  number      INTEGER NOT NULL CHECK (number > 0),  -- without a gap
  at          INTEGER NOT NULL,                     -- never before the one in front
  type        INTEGER NOT NULL CHECK (type BETWEEN 0 AND 19), -- contract 10.2
  debit       TEXT    NOT NULL,
  credit      TEXT    NOT NULL,
  currency    TEXT    NOT NULL CHECK (length(currency) = 3),
  amount      INTEGER NOT NULL CHECK (amount > 0),
  balance     INTEGER NOT NULL,                     -- the pocket's after it
  key         TEXT    NOT NULL,                     -- of the request that caused it
  service     TEXT    NOT NULL,
  quantity    INTEGER NOT NULL CHECK (quantity >= 0),
  participant TEXT    NOT NULL,
  metadata    TEXT    NOT NULL,                     -- JSON object of texts, or ''
  corrects    INTEGER CHECK (corrects > 0 AND corrects < number),
  hold        INTEGER CHECK (hold > 0),
  PRIMARY KEY (portal_id, book, number),
  CHECK ((debit = 'wallet') <> (credit = 'wallet'))
) STRICT, WITHOUT ROWID;

CREATE INDEX correction ON transfer (portal_id, book, corrects) WHERE corrects IS NOT NULL;

-- Money that is reserved.
CREATE TABLE hold (
  portal_id   TEXT    NOT NULL,
  number      INTEGER NOT NULL CHECK (number > 0),  -- without a gap
  state       TEXT    NOT NULL CHECK (state IN ('open', 'completed', 'voided', 'expired')),
  currency    TEXT    NOT NULL CHECK (length(currency) = 3),
  amount      INTEGER NOT NULL CHECK (amount > 0),
  posted      INTEGER NOT NULL CHECK (posted BETWEEN 0 AND amount),
  transfer    INTEGER CHECK (transfer > 0),
  key         TEXT    NOT NULL,                     -- of the request that opened it
  service     TEXT    NOT NULL,
  quantity    INTEGER NOT NULL CHECK (quantity >= 0),
  participant TEXT    NOT NULL,
  metadata    TEXT    NOT NULL,
  opened_at   INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  closed_at   INTEGER,
  PRIMARY KEY (portal_id, number),
  CHECK ((state = 'open') = (closed_at IS NULL)),
  CHECK ((state = 'completed') = (transfer IS NOT NULL)),
  CHECK ((state = 'completed') = (posted > 0))
) STRICT, WITHOUT ROWID;

CREATE INDEX open_hold ON hold (portal_id, expires_at) WHERE state = 'open';

-- The part of a book's wallet that is in one currency. Balances that were set
-- before there was a ledger become its first transfers.
ALTER TABLE pocket RENAME TO old_pocket;

CREATE TABLE pocket (
  portal_id    TEXT    NOT NULL,
  book         TEXT    NOT NULL CHECK (book IN ('main', 'ai')),
  currency     TEXT    NOT NULL CHECK (length(currency) = 3),
  position     INTEGER NOT NULL,  -- the wallet's own currency is the lowest
  balance      INTEGER NOT NULL,
  held         INTEGER NOT NULL CHECK (held >= 0),
  credit_limit INTEGER NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
  credited     INTEGER,           -- the latest deposit
  credited_at  INTEGER,
  PRIMARY KEY (portal_id, book, currency),
  CHECK ((credited IS NULL) = (credited_at IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO transfer (portal_id, book, number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata)
SELECT p.portal_id, 'main', row_number() OVER (PARTITION BY p.portal_id ORDER BY p.position), b.last_at, 13,
       CASE WHEN p.balance > 0 THEN 'opening' ELSE 'wallet' END,
       CASE WHEN p.balance > 0 THEN 'wallet' ELSE 'opening' END,
       p.currency, abs(p.balance), p.balance, 'opening-' || p.currency, '', 0, '', ''
  FROM old_pocket p
  JOIN book b ON b.portal_id = p.portal_id AND b.book = 'main'
 WHERE p.balance <> 0;

INSERT INTO done (portal_id, key, input, at, main_transfer, currency, amount, available)
SELECT portal_id, key, zeroblob(32), at, number, currency, amount, balance
  FROM transfer;

INSERT INTO pocket (portal_id, book, currency, position, balance, held, credit_limit, credited, credited_at)
SELECT portal_id, 'main', currency, position, balance, 0, CASE WHEN balance < 0 THEN -balance ELSE 0 END, credited, credited_at
  FROM old_pocket;

UPDATE book
   SET last = (SELECT count(*) FROM transfer t WHERE t.portal_id = book.portal_id AND t.book = book.book);

DROP TABLE old_pocket;

-- A range of transfers, closed by a hash over them and the seal before.
CREATE TABLE seal (
  portal_id TEXT    NOT NULL,
  book      TEXT    NOT NULL CHECK (book IN ('main', 'ai')),
  first     INTEGER NOT NULL CHECK (first > 0),
  last      INTEGER NOT NULL CHECK (last >= first),
  hash      BLOB    NOT NULL CHECK (length(hash) = 32),
  marks     BLOB    NOT NULL,       -- the first 8 bytes of each transfer's hash
  at        INTEGER NOT NULL,
  PRIMARY KEY (portal_id, book, last)
) STRICT, WITHOUT ROWID;

-- One attempt to collect money from a payment provider. It is there before the
-- provider is asked.
CREATE TABLE collection (
  portal_id  TEXT    NOT NULL,
  number     INTEGER NOT NULL CHECK (number > 0),
  key        TEXT    NOT NULL,     -- the caller's, or one of our own
  input      BLOB    NOT NULL CHECK (length(input) = 32),
  state      TEXT    NOT NULL CHECK (state IN ('open', 'unknown', 'settled', 'declined')),
  provider   TEXT    NOT NULL,
  currency   TEXT    NOT NULL CHECK (length(currency) = 3),
  amount     INTEGER NOT NULL CHECK (amount > 0),
  reference  TEXT    NOT NULL,     -- the provider's own id; '' while unknown
  reason     TEXT    NOT NULL,     -- why it was declined
  participant TEXT   NOT NULL,     -- who asked for it
  opened_at  INTEGER NOT NULL,
  asked_at   INTEGER NOT NULL,     -- when the provider was last asked, or was going to be
  closed_at  INTEGER,
  PRIMARY KEY (portal_id, number),
  UNIQUE (portal_id, key),
  CHECK ((state IN ('open', 'unknown')) = (closed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_open_collection ON collection (portal_id) WHERE closed_at IS NULL;

-- Who runs Bursar: keys that are for no portal. Small, and the same on every node.
CREATE TABLE operator_key (
  key_id     TEXT    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
  postfix    TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT;

INSERT INTO counter (name, value) VALUES ('operator_keys', 1);

-- What the sandbox provider collected, as a real one's own books would say.
CREATE TABLE sandbox_charge (
  portal_id TEXT    NOT NULL,
  id        TEXT    NOT NULL,
  currency  TEXT    NOT NULL,
  amount    INTEGER NOT NULL,
  state     TEXT    NOT NULL,
  reason    TEXT    NOT NULL,
  reference TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  due       INTEGER,
  PRIMARY KEY (portal_id, id)
) STRICT, WITHOUT ROWID;
