-- needs chassis/schema/0001_calls.sql

-- The money of one booking: its checkouts, payments and refunds, written and read as one.
CREATE TABLE accounts (
  organisation_id text NOT NULL,
  booking_id uuid NOT NULL,
  revision int NOT NULL,               -- grows with every write: a stale writer changes no row
  state text NOT NULL,
  PRIMARY KEY (organisation_id, booking_id)
) WITH (fillfactor = 60);
