"""Localization: from the text of an issue to a source file of its repository, as it was before the fix."""
