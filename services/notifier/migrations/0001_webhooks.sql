-- Who wants to be told of what: written and read as one in `state`, what claims and matches need beside it in columns.
CREATE TABLE subscriptions (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  revision int NOT NULL,               -- grows with every write: a stale writer changes no row
  version int NOT NULL,                -- grows with every change that a client can see
  enabled boolean NOT NULL,
  deleted boolean NOT NULL,
  url text NOT NULL,
  events text NOT NULL,                -- patterns, separated by blanks
  secrets text[] NOT NULL,             -- sealed; the one to sign with first, then former ones
  secrets_until timestamptz[] NOT NULL, -- of each: until when it counts; infinity for the first
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  state text NOT NULL,
  failing_since timestamptz,           -- the first failure after which nothing succeeded; the sender's, no revision guards it
  PRIMARY KEY (organisation_id, id),
  CONSTRAINT what_is_deleted_is_told_nothing CHECK (NOT (deleted AND enabled))
) WITH (fillfactor = 70);

CREATE INDEX subscriptions_newest_first ON subscriptions (organisation_id, created_at DESC, id DESC) WHERE NOT deleted;
CREATE INDEX disabled_subscriptions ON subscriptions (updated_at) WHERE NOT enabled;

-- The number of the last event of each organisation. Its row is locked until the events that it counted are committed, so a
-- reader who has seen number n never misses a smaller one.
CREATE TABLE feeds (
  organisation_id text PRIMARY KEY,
  last bigint NOT NULL
) WITH (fillfactor = 20);

-- What happened, in the very bytes that subscribers get.
CREATE TABLE events (
  id uuid PRIMARY KEY,
  organisation_id text NOT NULL,
  position bigint,                     -- in the organisation's feed, without gaps from 1; none: a ping
  type text NOT NULL,
  created_at timestamptz NOT NULL,     -- when it happened
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  body text NOT NULL
);

CREATE UNIQUE INDEX events_are_numbered ON events (organisation_id, position) WHERE position IS NOT NULL;
CREATE INDEX events_by_age ON events USING brin (stored_at) WITH (autosummarize = on);

-- One event for one subscription. A sender claims it, sends it, and writes down what came of it.
CREATE TABLE deliveries (
  id uuid PRIMARY KEY,                 -- derived from both: the id that receivers see, the same at every attempt
  organisation_id text NOT NULL,
  subscription_id uuid NOT NULL,
  event_id uuid NOT NULL,
  type text NOT NULL,                  -- the event's
  status text NOT NULL DEFAULT 'waiting', -- delivered, exhausted
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- the next attempt
  claimed_until timestamptz,           -- while a sender has it; if it dies another one takes over then
  claimed_by text,                     -- the instance that has it, where instances have names
  attempts int NOT NULL DEFAULT 0,     -- begun, whether or not they ended; names the claim that may write the outcome
  began int NOT NULL DEFAULT 0,        -- the attempts before the schedule began again
  ended_at timestamptz,
  tries text[] NOT NULL DEFAULT '{}',  -- JSON, one of each attempt that ended; the last twenty
  CONSTRAINT status_is_one_of_three CHECK (status IN ('waiting', 'delivered', 'exhausted')),
  CONSTRAINT what_waits_has_not_ended CHECK ((status = 'waiting') = (ended_at IS NULL))
) WITH (fillfactor = 60);              -- a claim changes no index: leave room for it in place

CREATE INDEX waiting_deliveries ON deliveries (subscription_id, due_at) WHERE status = 'waiting';
-- Pages of one subscription's log, newest first.
-- The condition is always true; a statement that does not repeat it is not planned over this index: not one that prunes.
CREATE INDEX deliveries_newest_first ON deliveries (subscription_id, created_at DESC, id DESC) WHERE created_at > '-infinity';
CREATE INDEX deliveries_by_age ON deliveries USING brin (created_at) WITH (autosummarize = on);

-- A period that is delivered again, a page of events at a time.
CREATE TABLE replays (
  id uuid PRIMARY KEY,
  organisation_id text NOT NULL,
  subscription_id uuid NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  reached bigint NOT NULL DEFAULT 0,   -- the position up to which it is done
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz
);

CREATE INDEX open_replays ON replays (created_at) WHERE ended_at IS NULL;

CREATE FUNCTION wake_senders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('deliveries', '');
  RETURN NULL;
END $$;

-- Told when the transaction commits: a sender that listens begins at once.
CREATE TRIGGER deliveries_wake AFTER INSERT ON deliveries FOR EACH STATEMENT EXECUTE FUNCTION wake_senders();
CREATE TRIGGER replays_wake AFTER INSERT ON replays FOR EACH STATEMENT EXECUTE FUNCTION wake_senders();
