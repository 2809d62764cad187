"""One program for each client: it takes orders on stdin, carries them out with that client, and reports on stdout.

A program of its own, because the clients want environments of their own (one even another language). Orders and reports
are lines of JSON, the same ones for every client; reports.py says what is in a report.
"""
