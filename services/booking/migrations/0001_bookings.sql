-- A booking: what lists filter by in columns, the whole of it in `state`, which is written and read as one.
CREATE TABLE bookings (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  revision int NOT NULL,               -- grows with every write: a stale writer changes no row
  version int NOT NULL,                -- grows with every change that a client can see; one event each from 2 on
  status text NOT NULL,
  space_id uuid NOT NULL,
  customer_id uuid,
  slot_from timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  listed boolean NOT NULL,             -- false: it never held a slot
  hidden boolean NOT NULL,             -- true: deleted by its owner
  state text NOT NULL,
  client text,                         -- who asked for it, where that is known
  hold_ends_at timestamptz,            -- none before the slot is held
  live boolean NOT NULL GENERATED ALWAYS AS (status IN ('PENDING', 'RESERVED_15_MIN')) STORED,
  refused boolean NOT NULL GENERATED ALWAYS AS (NOT listed AND status = 'CANCEL') STORED,
  PRIMARY KEY (organisation_id, id),
  CONSTRAINT status_is_one_of_six CHECK (status IN ('PENDING', 'RESERVED_15_MIN', 'CONFIRMED', 'PAID', 'CANCEL', 'REFUNDED')),
  CONSTRAINT a_booking_is_pending_only_at_first CHECK ((status = 'PENDING') = (version = 1))
) WITH (fillfactor = 60);

-- None of these columns ever changes: a booking is updated in place, without a new entry here. The condition is always true; a
-- statement that does not repeat it cannot be planned over this index, as one that looks bookings up by id would be while the
-- table is empty, and then would stay.
CREATE INDEX bookings_newest_first ON bookings (organisation_id, created_at DESC, id DESC) WHERE created_at > '-infinity';

-- What is deleted when it is old enough.
CREATE INDEX refused_bookings_by_age ON bookings (created_at) WHERE refused;

-- `live` stays the same while a slot is asked for and held: until then a booking is updated in place.
CREATE INDEX live_bookings_by_client ON bookings (organisation_id, client) WHERE live AND client IS NOT NULL;

CREATE INDEX bookings_by_customer ON bookings (organisation_id, customer_id) WHERE customer_id IS NOT NULL;
