"""Names and bounds for the options of the commands, without the modules that they belong to, so that --help is fast.

tests/commands/test_limits.py holds each of them against the truth.
"""

PROFILES = ("quick", "standard", "full")
PROTOCOLS = ("v1", "v2", "v3")
STREAMS = ("mixed", "blocked", "time")
KEEP = ("all", "last", "none")
ISAS = "scalar|sse4.1|avx2|avx512|neon"
"""All instruction sets of the kernels; a CPU has some of them."""
MAX_SEED = 2**53 - 1
"""Largest integer that JSON keeps exactly (RFC 7493, section 2.2)."""
TYPES = ("code_completion", "bug_fix", "refactor", "test_gen")
OUTCOMES = ("won", "lost", "never", "kept")
MAX_NAME = 100
"""Characters of the name of a run."""
ALL_OUTCOMES = "all"
MEASURES = ("resolve", "retrieval")
MAX_RANK = 256
MIN_DIM, MAX_DIM = 64, 16_384
MIN_FOLDS, MAX_FOLDS = 3, 20
CANDIDATES = (2, 8)
"""Fewest and most candidates of a task."""
FIELDS = ("prompt", "solution", "candidates", "answer", "type", "category", "difficulty", "id", "group", "date")
"""Keys of a line of a file of tasks."""
