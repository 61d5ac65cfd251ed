-- One row an organisation: whatever is decided by the catalogue is written only if this version is still the same.
CREATE TABLE catalogues (
  organisation_id text PRIMARY KEY,
  version bigint NOT NULL
);

-- The documents are the models of contracts/catalogue.py as JSON, without the relation between products and spaces.
CREATE TABLE venues (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  document text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_at timestamptz,
  PRIMARY KEY (organisation_id, id)
);

CREATE TABLE spaces (
  organisation_id text NOT NULL,
  id uuid NOT NULL UNIQUE,             -- across organisations: slots are kept apart by it alone
  venue_id uuid NOT NULL,
  document text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_at timestamptz,
  PRIMARY KEY (organisation_id, id),
  FOREIGN KEY (organisation_id, venue_id) REFERENCES venues (organisation_id, id)
);

-- Of a house that changes. Its slots are found by space.
CREATE INDEX spaces_by_venue ON spaces (organisation_id, venue_id) WHERE venue_id IS NOT NULL;

CREATE TABLE products (
  organisation_id text NOT NULL,
  id uuid NOT NULL,
  reference text NOT NULL,
  buffer_before interval NOT NULL,     -- from the document, for the statement that looks for neighbours
  buffer_after interval NOT NULL,
  document text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_at timestamptz,
  PRIMARY KEY (organisation_id, id)
);

-- The second condition is always true; a statement that does not repeat it cannot be planned over this index, as one that looks
-- products up by id would be while the table is small, and then would stay for a while.
CREATE UNIQUE INDEX a_reference_names_one_product ON products (organisation_id, reference)
  WHERE archived_at IS NULL AND reference > '';

-- Which products are sold in which spaces: one relation, given from either side.
CREATE TABLE offerings (
  organisation_id text NOT NULL,
  product_id uuid NOT NULL,
  space_id uuid NOT NULL,
  PRIMARY KEY (organisation_id, product_id, space_id),
  FOREIGN KEY (organisation_id, product_id) REFERENCES products (organisation_id, id),
  FOREIGN KEY (organisation_id, space_id) REFERENCES spaces (organisation_id, id)
);

CREATE INDEX offerings_by_space ON offerings (organisation_id, space_id, product_id);
