-- +goose Up

-- What a customer of the sandbox saved with a charge, or on a page that collects
-- nothing (its amount is 0, of no currency), and what they removed: names of its test
-- cards, '' for none.
ALTER TABLE sandbox_charge ADD COLUMN saved TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sandbox_charge ADD COLUMN gone TEXT COLLATE "C" NOT NULL DEFAULT '';

-- The pages of the sandbox provider. What came of one is the charge of the same id.
CREATE TABLE sandbox_page (
  portal_id   TEXT COLLATE "C" NOT NULL,
  id          TEXT COLLATE "C" NOT NULL,
  token       TEXT COLLATE "C" NOT NULL, -- whoever has it can use the page
  kind        TEXT COLLATE "C" NOT NULL,
  currency    TEXT COLLATE "C" NOT NULL,
  amount      BIGINT NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  language    TEXT COLLATE "C" NOT NULL,
  success_url TEXT COLLATE "C" NOT NULL,
  cancel_url  TEXT COLLATE "C" NOT NULL,
  opened_at   BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  PRIMARY KEY (portal_id, id)
);

-- What the sandbox provider gave back of its charges.
CREATE TABLE sandbox_refund (
  portal_id TEXT COLLATE "C" NOT NULL,
  id        TEXT COLLATE "C" NOT NULL,
  charge_id TEXT COLLATE "C" NOT NULL,
  amount    BIGINT NOT NULL, -- in the currency of the charge
  reference TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (portal_id, id)
);

-- Payments that came by bank transfer and that an operator recorded: one reference of
-- the bank stands for one. The key is that of the transfer in the ledger.
CREATE TABLE recorded_payment (
  portal_id   TEXT COLLATE "C" NOT NULL REFERENCES portal,
  method      TEXT COLLATE "C" NOT NULL,
  reference   TEXT COLLATE "C" NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  received_at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  PRIMARY KEY (portal_id, method, reference)
);
