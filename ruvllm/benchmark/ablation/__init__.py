"""Ablation: a protocol without each of its parts in turn."""
