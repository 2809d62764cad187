"""Webhooks and CORS: what may come in from elsewhere, and what of it is believed."""
