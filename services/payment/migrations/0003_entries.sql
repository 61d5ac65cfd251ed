-- The ledger: what happened to money, and when. Lines are added, never changed; accounts say what is, this says what was.
CREATE TABLE entries (
  organisation_id text NOT NULL,
  booking_id uuid NOT NULL,
  kind text NOT NULL,
  about text NOT NULL,                 -- the payment, the provider's id; or the refund, ours
  payment text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  at timestamptz NOT NULL,             -- when the broker had the word of it
  PRIMARY KEY (organisation_id, booking_id, kind, about),
  CONSTRAINT entries_are_of_these_kinds CHECK (kind IN ('captured', 'asked', 'refunded', 'failed', 'returned')),
  CONSTRAINT entries_have_an_amount CHECK (amount > 0)
);

CREATE INDEX entries_by_time ON entries (at, organisation_id, booking_id);
