"""The folder of a store: its log in SQLite, the files of its states, its decisions, and what is removed with age."""
