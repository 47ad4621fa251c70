-- +goose Up

-- What is to be done when nobody calls. A row is written in the transaction that
-- causes it, and ended in the one that does it.
CREATE TABLE job (
  portal_id  TEXT COLLATE "C" NOT NULL,                        -- '' for what concerns no portal
  kind       TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
  subject    TEXT COLLATE "C" NOT NULL,                        -- what it is about; '' where there is but one of the kind
  state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'done', 'dead', 'canceled')),
  run_at     BIGINT NOT NULL,                        -- not before; of a leased one: when the lease ends
  leased     BIGINT NOT NULL CHECK (leased IN (0, 1)), -- somebody is at it
  fence      BIGINT NOT NULL CHECK (fence >= 0),     -- counts how often it was taken: only who did so last may end it
  round      BIGINT NOT NULL CHECK (round > 0),      -- counts how often it was caused
  attempt    BIGINT NOT NULL CHECK (attempt >= 0),   -- how often it failed in this round
  input      TEXT COLLATE "C" NOT NULL,                        -- JSON, or ''
  error      TEXT COLLATE "C" NOT NULL,                        -- of the last failure in this round
  caused_at  BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (portal_id, kind, subject),
  CHECK (leased = 0 OR state = 'open')
);

-- In the order in which they are taken: many are due at one and the same moment.
CREATE INDEX due_job ON job (run_at, portal_id, kind, subject) WHERE state = 'open';
CREATE INDEX dead_job ON job (state, kind, portal_id, subject) WHERE state = 'dead';

-- What portals have by now is to be renewed, too; where there is nothing yet, there
-- is nothing to look for.
INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
SELECT '', 'adopt', '', 'open', 0, 0, 0, 1, 0, '', '', 0, 0
 WHERE EXISTS (SELECT 1 FROM subscription);

-- For how long a wallet lasts is looked at from time to time, for every customer.
INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
SELECT portal_id, 'runway', '', 'open', created_at, 0, 0, 1, 0, '', '', created_at, created_at
  FROM customer;

-- Whoever watches a pocket wants to know when less than this is available; NULL:
-- nobody does.
ALTER TABLE pocket ADD COLUMN floor BIGINT;

-- What a rule is about is there, so that it can be watched.
INSERT INTO pocket (portal_id, book, currency, position, balance, held)
SELECT r.portal_id, 'main', r.currency, (SELECT count(*) FROM pocket p WHERE p.portal_id = r.portal_id AND p.book = 'main'), 0, 0
  FROM top_up_rule r
 WHERE NOT EXISTS (SELECT 1 FROM pocket p WHERE p.portal_id = r.portal_id AND p.book = 'main' AND p.currency = r.currency);

UPDATE pocket
   SET floor = (SELECT r.min_balance FROM top_up_rule r WHERE r.portal_id = pocket.portal_id AND r.currency = pocket.currency)
 WHERE book = 'main';

-- Who is below it already can fall no more.
INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
SELECT p.portal_id, 'top_up', '', 'open', b.last_at, 0, 0, 1, 0, '', '', b.last_at, b.last_at
  FROM pocket p
  JOIN book b ON b.portal_id = p.portal_id AND b.book = p.book
 WHERE p.book = 'main'
   AND p.balance - p.held < p.floor;

-- How much a rule may charge; NULL: as its target says. Money is in its currency.
ALTER TABLE top_up_rule ADD COLUMN max_charge BIGINT CHECK (max_charge > 0); -- in one charge
ALTER TABLE top_up_rule ADD COLUMN max_day BIGINT CHECK (max_day > 0);       -- in 24 hours
ALTER TABLE top_up_rule ADD COLUMN max_month BIGINT CHECK (max_month > 0);   -- in 30 days
ALTER TABLE top_up_rule ADD COLUMN max_count BIGINT CHECK (max_count > 0);   -- charges in 24 hours

-- How the automatic top-ups of a wallet went with its card.
CREATE TABLE top_up (
  portal_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES portal,
  declines     BIGINT NOT NULL CHECK (declines >= 0), -- in a row
  retry_at     BIGINT,                    -- not before; NULL: at once
  reason       TEXT COLLATE "C" NOT NULL,           -- of the last decline
  suspended_at BIGINT,                    -- NULL: it is not
  fingerprint  TEXT COLLATE "C" NOT NULL,           -- of the card that declined
  method       TEXT COLLATE "C" NOT NULL            -- and the provider's token of it
);

-- What was collected without anybody asking for it at the time.
ALTER TABLE collection ADD COLUMN automatic BIGINT NOT NULL DEFAULT 0 CHECK (automatic IN (0, 1));
ALTER TABLE collection ADD COLUMN renews BIGINT; -- the end of the period of the plan after which it pays for the next; NULL: it renews none

CREATE INDEX automatic_collection ON collection (portal_id, opened_at) WHERE automatic = 1;

-- Since when the next period of something should have been paid; NULL: it is.
ALTER TABLE subscription ADD COLUMN past_due_at BIGINT;

-- Whether others were told of a hold that has expired.
ALTER TABLE hold ADD COLUMN told BIGINT NOT NULL DEFAULT 0 CHECK (told IN (0, 1));

UPDATE hold SET told = 1 WHERE state <> 'open';

CREATE INDEX due_hold ON hold (expires_at) WHERE state = 'open' OR state = 'expired' AND told = 0;

-- What happened, for others to know. A row is written in the transaction in which it
-- happens, and is given its place in the line of all events afterwards.
CREATE TABLE event (
  portal_id TEXT COLLATE "C" NOT NULL,
  number    BIGINT NOT NULL CHECK (number > 0),  -- of the portal's events, without a gap
  position  BIGINT CHECK (position > 0),         -- in the line of all; NULL: not yet
  type      TEXT COLLATE "C" NOT NULL CHECK (type <> ''),
  at        BIGINT NOT NULL,
  data      TEXT COLLATE "C" NOT NULL,                     -- JSON object
  PRIMARY KEY (portal_id, number)
);

CREATE INDEX event_in_line ON event (position) WHERE position IS NOT NULL;
CREATE INDEX event_in_line_of_portal ON event (portal_id, position) WHERE position IS NOT NULL;
CREATE INDEX event_not_in_line ON event (at, portal_id, number) WHERE position IS NULL;

INSERT INTO counter (name, value) VALUES ('event', 0);

-- Where events are sent to. Small, and the same on every node.
CREATE TABLE webhook (
  webhook_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  url           TEXT COLLATE "C" NOT NULL CHECK (url <> ''),
  description   TEXT COLLATE "C" NOT NULL,
  portal_id     TEXT COLLATE "C" NOT NULL,  -- '' for all portals
  types         TEXT COLLATE "C" NOT NULL,  -- JSON list; [] means all
  private       BIGINT NOT NULL CHECK (private IN (0, 1)), -- it may be at a private address
  secret        TEXT COLLATE "C" NOT NULL,
  old_secret    TEXT COLLATE "C" NOT NULL,  -- that is still signed with, until then
  old_until     BIGINT,
  state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'paused')),
  reason        TEXT COLLATE "C" NOT NULL,  -- why it is paused
  position      BIGINT NOT NULL CHECK (position >= 0), -- of the last event that is done with
  failures      BIGINT NOT NULL CHECK (failures >= 0), -- attempts in a row for the next one
  failing_since BIGINT,
  last_status   TEXT COLLATE "C" NOT NULL,  -- what came of the last attempt
  last_at       BIGINT,
  created_at    BIGINT NOT NULL
);

-- Events that a webhook did not take, however often it was tried.
CREATE TABLE undelivered (
  webhook_id TEXT COLLATE "C" NOT NULL,
  position   BIGINT NOT NULL,
  attempts   BIGINT NOT NULL,
  status     TEXT COLLATE "C" NOT NULL,
  at         BIGINT NOT NULL,
  PRIMARY KEY (webhook_id, position)
);
