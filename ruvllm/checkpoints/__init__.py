"""Checkpoints: one JSON file per learned state, which can be verified and made again.

Imports `files`.
"""
