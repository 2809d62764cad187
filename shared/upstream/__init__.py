"""Who answers: the pooled client of an OpenAI-compatible API, what it reads and writes, and its fallbacks."""
