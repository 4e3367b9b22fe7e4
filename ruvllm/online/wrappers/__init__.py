"""Adapted queries where they are wanted: vector indexes, LangChain, LlamaIndex, mteb. Each loads its library itself."""
