"""The documentation site: what scripts/build_site.py makes of docs/, of docstrings and of the commands' help."""
