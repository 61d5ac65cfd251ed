-- locks entries: a payment has two or three lines, and a million of them are indexed in about a second.

-- Refunds made at the provider's own pages, and disputes, name a payment and no booking: the ledger says whose it is.
CREATE INDEX entries_by_payment ON entries (payment) WHERE kind = 'captured';

-- Lines of the ledger about disputes: what they take, and give back. Apart, as builds of the release before know no such kinds.
CREATE TABLE dispute_entries (
  organisation_id text NOT NULL,
  booking_id uuid NOT NULL,
  kind text NOT NULL,
  about text NOT NULL,                 -- the dispute, the provider's id
  payment text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  at timestamptz NOT NULL,             -- when the broker had the word of it
  PRIMARY KEY (organisation_id, booking_id, kind, about),
  CONSTRAINT dispute_entries_are_of_these_kinds CHECK (kind IN ('withdrawn', 'reinstated')),
  CONSTRAINT dispute_entries_have_an_amount CHECK (amount > 0)
);

CREATE INDEX dispute_entries_by_time ON dispute_entries (at, organisation_id, booking_id);
