"""Repeats among tasks: what counts as one, which tasks belong to one part, and a check that nothing leaked."""
