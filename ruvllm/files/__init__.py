"""Files that are never half written, and readers for files that may be hostile: JSON, JSON Lines, named arrays.

Imports only the core.
"""
