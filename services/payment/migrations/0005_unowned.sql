-- What the provider's list says of payments that the ledger does not know, or not yet: a refund that was made at the
-- provider's own pages before its payment was decided. It is told once the ledger knows it. Most are never ours.
CREATE TABLE unowned (
  id uuid PRIMARY KEY,                 -- of the record that it becomes
  payment text NOT NULL,
  record text NOT NULL,                -- of no booking so far
  found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX unowned_by_age ON unowned (found_at);
