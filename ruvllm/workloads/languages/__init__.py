"""Documented functions of source trees in other languages than Python, parsed by tree-sitter."""
