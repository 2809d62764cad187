"""Incoming webhooks: the signature, the notification, each one accepted once; and the board of current alerts."""
