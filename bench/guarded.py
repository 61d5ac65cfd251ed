"""The guarded insert that both baselines do: the table of slots stripped to what the guard needs, with the same guard."""

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE IF NOT EXISTS holds (
  id uuid PRIMARY KEY,
  space_id uuid NOT NULL,
  unit int NOT NULL,
  during tstzrange NOT NULL,
  state text NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT holds_never_overlap
    EXCLUDE USING gist (space_id WITH =, unit WITH =, during WITH &&) WHERE (state IN ('HELD', 'COMMITTED'))
)
"""
EMPTY = "TRUNCATE holds"

INSERT = """
INSERT INTO holds (id, space_id, unit, during, state, expires_at)
VALUES ({id}, {space}, 1, tstzrange({starts}, {ends}), 'HELD', now() + interval '15 minutes')
ON CONFLICT DO NOTHING
RETURNING expires_at
"""
