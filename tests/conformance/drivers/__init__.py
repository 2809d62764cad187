"""One program for each client: it takes orders on stdin, carries them out with that client, and reports on stdout.

The programs are separate because the clients need separate environments (one even another language). Orders and reports
are lines of JSON, the same for every client; reports.py says what a report contains.
"""
