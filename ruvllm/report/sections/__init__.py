"""The sections of a report: the one builder of each table and figure."""
