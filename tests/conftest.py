"""Settings that all tests share."""

from hypothesis import settings

# The same examples on every run, and no time limit for each: a shared or emulated CPU must not fail a test.
settings.register_profile("ruvllm", derandomize=True, deadline=None)
settings.load_profile("ruvllm")
