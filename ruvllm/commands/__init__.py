"""The commands that a user types: arguments, output and exit codes. May import every other package."""
