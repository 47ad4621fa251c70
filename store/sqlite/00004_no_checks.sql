-- +goose Up

-- Nothing: a prepared statement has its CHECKs compiled in. See the folder postgres.
SELECT 1;
