-- W3C trace context of the message that an event came with: its deliveries go on in that trace.
ALTER TABLE events ADD COLUMN traceparent bytea;
