"""The one place where the version is written; pyproject.toml and the extension read it from here."""

__version__ = "0.2.0"
