-- How far the provider's own lists are read: its events, and its checkout sessions. One worker at a time does each.
CREATE TABLE reconciliation (
  what text PRIMARY KEY,
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- the next look; while one lasts: when another worker may take it
  claims int NOT NULL DEFAULT 0,                         -- names the claim that may move it
  failures int NOT NULL DEFAULT 0,                       -- in a row
  heard timestamptz NOT NULL DEFAULT clock_timestamp(),  -- by the provider's clock: everything older was read
  done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT there_are_two_lists CHECK (what IN ('events', 'sessions'))
);

INSERT INTO reconciliation (what) VALUES ('events'), ('sessions');

-- What was found there and told. The inbox does not know a record that could not be handled: it must not be told for ever.
CREATE TABLE found (
  id uuid PRIMARY KEY,
  found_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX found_by_age ON found (found_at);
