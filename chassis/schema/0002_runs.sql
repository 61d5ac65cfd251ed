-- Who is at work in a partition. A worker that leaves in order takes its row away; one that finds a row there knows that the
-- run before ended in the middle of something. Written when partitions change hands, never with a batch.
CREATE TABLE runs (
  topic text NOT NULL,
  partition int NOT NULL,
  run uuid NOT NULL,                   -- whose row it is: only that run takes it away
  processed bigint NOT NULL,           -- how far the partition was decided when this run began
  ended int NOT NULL DEFAULT 0,        -- runs in a row that ended just here, without deciding anything more
  position bigint,                     -- the message that is tried alone
  attempts int NOT NULL DEFAULT 0,     -- how often that was begun
  PRIMARY KEY (topic, partition)
);
