-- Calls to the outside: written by a decision with everything else it changes, made by a caller afterwards.
CREATE TABLE calls (
  id uuid PRIMARY KEY,                 -- the idempotency key, the same for every attempt
  kind text NOT NULL,                  -- which function makes it, by which schedule
  destination text NOT NULL,           -- who is called: destinations do not wait for each other
  organisation_id text NOT NULL,
  correlation_id uuid NOT NULL,
  traceparent bytea,
  key text NOT NULL,                   -- of the record that tells the outcome
  request text NOT NULL,               -- JSON
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  due_at timestamptz NOT NULL,         -- the next attempt; while one lasts: when another caller may take it
  attempts int NOT NULL DEFAULT 0,     -- begun, whether or not they ended; names the claim that may put it off
  note text,                           -- what an attempt leaves for the next one
  last_error text,
  closed_at timestamptz                -- its outcome is told, there is nothing left to do
);

CREATE INDEX open_calls_by_destination ON calls (destination, due_at) WHERE closed_at IS NULL;
CREATE INDEX open_calls_by_time ON calls (due_at) WHERE closed_at IS NULL;
CREATE INDEX closed_calls_by_age ON calls (closed_at) WHERE closed_at IS NOT NULL;

CREATE FUNCTION wake_callers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('calls', '');
  RETURN NULL;
END $$;

-- Told when the transaction commits: a caller that listens begins at once.
CREATE TRIGGER calls_wake AFTER INSERT ON calls FOR EACH STATEMENT EXECUTE FUNCTION wake_callers();
