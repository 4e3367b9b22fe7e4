"""A state for other programs: as arrays, and in the formats of the libraries that load them."""
