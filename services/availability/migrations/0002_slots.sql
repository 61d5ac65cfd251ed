CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Every slot that was ever held: one a booking.
CREATE TABLE slots (
  organisation_id text NOT NULL,
  booking_id uuid NOT NULL,
  space_id uuid NOT NULL,
  product_id uuid NOT NULL,
  unit int NOT NULL CHECK (unit >= 1),
  slot_from timestamptz NOT NULL,
  slot_to timestamptz NOT NULL,
  during tstzrange NOT NULL,           -- the slot with its buffers: what neighbours keep clear of
  state text NOT NULL CHECK (state IN ('HELD', 'COMMITTED', 'RELEASED')),
  held_at timestamptz NOT NULL,
  hold_seconds int NOT NULL,           -- how long the hold was, and each extension is
  expires_at timestamptz NOT NULL,     -- the end of the hold, by this database's clock; a committed slot keeps it
  lapsed boolean NOT NULL DEFAULT false, -- released because its time ran out: a commit accepted in time may take it again
  revision int NOT NULL,
  PRIMARY KEY (organisation_id, booking_id),
  -- The last wall: no two live slots of a unit overlap, even if the code is wrong. A space belongs to one organisation.
  CONSTRAINT slots_never_overlap
    EXCLUDE USING gist (space_id WITH =, unit WITH =, during WITH &&) WHERE (state IN ('HELD', 'COMMITTED'))
) WITH (fillfactor = 80);

-- Who would be hit if a product went off sale.
CREATE INDEX live_slots_by_product ON slots (organisation_id, product_id, slot_to) WHERE state IN ('HELD', 'COMMITTED');
