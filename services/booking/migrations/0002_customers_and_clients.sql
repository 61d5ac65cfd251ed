-- Who books: owned by booking, one row for each address of an organisation. The id follows from both.
CREATE TABLE customers (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  email text NOT NULL,
  name text,
  phone text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (organisation_id, id)
);

CREATE INDEX customers_newest_first ON customers (organisation_id, created_at DESC, id DESC);

CREATE INDEX bookings_by_customer ON bookings (organisation_id, customer_id, created_at DESC) WHERE customer_id IS NOT NULL;

ALTER TABLE bookings
  ADD COLUMN client text,              -- who asked for it, where that is known
  ADD COLUMN hold_ends_at timestamptz, -- none before the slot is held
  ADD COLUMN live boolean NOT NULL GENERATED ALWAYS AS (status IN ('PENDING', 'RESERVED_15_MIN')) STORED;

-- `live` is the same while a slot is asked for and held: there a booking is still updated in place. It has one entry less later.
CREATE INDEX live_bookings_by_client ON bookings (organisation_id, client) WHERE live AND client IS NOT NULL;
