"""Frozen encoders, which turn texts into vectors, and the profiles of the models that are compared.

Imports `files`. A new encoder is one file here and one line in `registry`.
"""
