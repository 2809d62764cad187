"""Webhooks in: what another service tells us, signed, taken once; and the board of alerts that it keeps."""
