"""Results of streams in which each task is answered, then learned from."""
