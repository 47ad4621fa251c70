-- +goose Up

-- What a customer of the sandbox saved with a charge, or on a page that collects
-- nothing (its amount is 0, of no currency), and what they removed: names of its test
-- cards, '' for none.
ALTER TABLE sandbox_charge ADD COLUMN saved TEXT NOT NULL DEFAULT '';
ALTER TABLE sandbox_charge ADD COLUMN gone TEXT NOT NULL DEFAULT '';

-- The pages of the sandbox provider. What came of one is the charge of the same id.
CREATE TABLE sandbox_page (
  portal_id   TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  token       TEXT    NOT NULL, -- whoever has it can use the page
  kind        TEXT    NOT NULL,
  currency    TEXT    NOT NULL,
  amount      INTEGER NOT NULL,
  description TEXT    NOT NULL,
  language    TEXT    NOT NULL,
  success_url TEXT    NOT NULL,
  cancel_url  TEXT    NOT NULL,
  opened_at   INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (portal_id, id)
) STRICT, WITHOUT ROWID;

-- What the sandbox provider gave back of its charges.
CREATE TABLE sandbox_refund (
  portal_id TEXT    NOT NULL,
  id        TEXT    NOT NULL,
  charge_id TEXT    NOT NULL,
  amount    INTEGER NOT NULL, -- in the currency of the charge
  reference TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (portal_id, id)
) STRICT, WITHOUT ROWID;

-- Payments that came by bank transfer and that an operator recorded: one reference of
-- the bank stands for one. The key is that of the transfer in the ledger.
CREATE TABLE recorded_payment (
  portal_id   TEXT    NOT NULL REFERENCES portal,
  method      TEXT    NOT NULL,
  reference   TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  PRIMARY KEY (portal_id, method, reference)
) STRICT, WITHOUT ROWID;
