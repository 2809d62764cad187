"""HTTP, without the routes: plain ASGI middleware and the protocol under it, one concern per file."""
