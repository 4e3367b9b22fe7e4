"""Runs over streams: each task answered, then learned from."""
