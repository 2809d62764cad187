"""Tags of routes that the application uses. They appear in /openapi.json, too."""

GENERATING = "generating"  # its calls go through the layers; see routes/endpoint.py
OPEN = "open"  # needs no token, even where tokens are required
