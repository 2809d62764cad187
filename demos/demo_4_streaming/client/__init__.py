"""A client that uses what demos 4 to 6 offer: many calls at once, over one pool, with care for the server."""
