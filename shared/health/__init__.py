"""What GET /health shows besides the layers, from demo 5 on: remembered, so that no probe ever waits for anything."""
