"""Tags of routes that the application itself reads. They appear in /openapi.json, too."""

GENERATING = "generating"  # calls to this route go through the layers; see routes/endpoint.py
OPEN = "open"  # this route needs no token, even where tokens are required
