"""Files that are whole, and files that may be hostile: atomic writing, JSON in and out, JSON lines, named arrays.

Imports the core alone.
"""
