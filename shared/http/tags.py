"""Tags of routes that the application goes by. They stand in /openapi.json, too."""

GENERATING = "generating"  # its calls go through the layers; see routes/endpoint.py
OPEN = "open"  # answered without a token, where tokens are required
