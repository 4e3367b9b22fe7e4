"""What a command does with results that are there: saves and shows them, and says by its exit code what they mean."""
