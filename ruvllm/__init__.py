"""RuvLLM: does a small model get better from use, and is that true?"""

from ruvllm.version import __version__

__all__ = ["__version__"]
