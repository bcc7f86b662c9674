"""The simulator: a client like any other, which also keeps the books."""
