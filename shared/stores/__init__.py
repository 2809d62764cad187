"""Connections to the SQL database and to Redis. Either may be lost; calls then get an error soon and do not hang."""
