"""Checks that GET /health shows besides those of the layers, from demo 5 on. They are cached: no probe ever waits."""
