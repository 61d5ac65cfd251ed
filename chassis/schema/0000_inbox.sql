-- The offsets' truth: how far this service is in each partition. Kafka's committed offset is only a gauge of the lag.
CREATE TABLE progress (
  topic text NOT NULL,
  partition int NOT NULL,
  processed bigint NOT NULL DEFAULT 0, -- every record below is decided: its effects and outputs are in this database
  published bigint NOT NULL DEFAULT 0, -- every record below has all its outputs acknowledged by Kafka
  PRIMARY KEY (topic, partition),
  CONSTRAINT published_never_passes_processed CHECK (published <= processed)
) WITH (fillfactor = 20); -- one hot row a partition: leave room for updates in place

-- The remembering inbox: every message that was handled, what came of it, and who is to be told.
CREATE TABLE inbox (
  id uuid PRIMARY KEY,                  -- the message's own; of a dead letter: derived from its place in the log
  topic text NOT NULL,
  partition int NOT NULL,
  position bigint NOT NULL,
  handled_at timestamptz NOT NULL,      -- the decision's time, which its outputs carry
  ordinal int NOT NULL,                 -- the place in its batch: (handled_at, ordinal) is the order of the decisions
  outputs bytea NOT NULL,               -- stored before they are sent, sent again as they were
  request_hash text,                    -- of a command from the edge: a repeat with another hash is another request
  asked_by text[] NOT NULL DEFAULT '{}', -- the reply topics that wait for the answer, or have had it
  answer bytea,
  answered_at timestamptz,
  dead boolean NOT NULL DEFAULT false,  -- it could not be handled and lies in the dead letters
  CONSTRAINT answered_when_there_is_an_answer CHECK ((answer IS NULL) = (answered_at IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX inbox_by_age ON inbox USING brin (handled_at) WITH (autosummarize = on);

-- A guard of the one statement that writes a batch: all of it, or none.
CREATE FUNCTION must(holds boolean, rule text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT holds THEN
    RAISE serialization_failure USING MESSAGE = rule;
  END IF;
  RETURN true;
END $$;
