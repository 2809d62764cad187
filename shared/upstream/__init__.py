"""Clients of OpenAI-compatible APIs: OpenAI's SDK, our own pooled client, the wire format, and the fallbacks."""
