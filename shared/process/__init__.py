"""What a service is as a process: its socket, the application that it loads, orders that reach every worker."""
