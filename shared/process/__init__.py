"""The service as a process: its socket, the application that it loads, and orders that reach every worker."""
