"""Patches: which files one changes and by how much, and which of them are tests."""
