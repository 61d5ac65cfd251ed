-- Who books: owned by booking, one row for each address of an organisation. The id follows from both.
CREATE TABLE customers (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  email text NOT NULL,
  name text,
  phone text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (organisation_id, id)
);

-- The condition is always true; a statement that does not repeat it is not planned over this index: not one that looks up an id.
CREATE INDEX customers_newest_first ON customers (organisation_id, created_at DESC, id DESC) WHERE created_at > '-infinity';
