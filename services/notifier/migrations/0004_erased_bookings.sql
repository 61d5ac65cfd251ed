-- Bookings that were deleted, remembered for longer than any of their events: what comes late is stored without its customer.
CREATE TABLE erased (
  organisation_id text NOT NULL,
  booking_id uuid NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organisation_id, booking_id)
);

CREATE INDEX erased_by_age ON erased USING brin (erased_at) WITH (autosummarize = on);

INSERT INTO erased (organisation_id, booking_id, erased_at)
SELECT organisation_id, booking_of(body), max(stored_at)
FROM events
WHERE type = 'booking.deleted'
GROUP BY 1, 2;
