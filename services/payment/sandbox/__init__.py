"""A payment provider for development and tests: the part of Stripe's API that Holdfast uses, with a memory and with faults."""
