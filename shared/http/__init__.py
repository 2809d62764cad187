"""What belongs to HTTP and not to a call: plain ASGI middleware and the protocol under it, one concern a file."""
