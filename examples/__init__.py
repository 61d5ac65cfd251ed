"""A tutorial that runs: the demo of `make demo`, and programs to be started beside `make up`."""
