"""Webhooks and CORS: which requests from elsewhere are accepted, and which are trusted."""
