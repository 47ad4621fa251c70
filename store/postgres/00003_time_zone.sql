-- +goose Up

-- The zone that the portal's people live in, by its IANA name; '' is UTC.
ALTER TABLE portal ADD COLUMN time_zone TEXT COLLATE "C" NOT NULL DEFAULT '';
