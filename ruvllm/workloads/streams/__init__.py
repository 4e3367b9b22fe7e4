"""Tasks as a stream: in which order they come, and what is known when each of them does."""
