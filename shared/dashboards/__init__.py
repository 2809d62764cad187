"""What is known of the service elsewhere, in Prometheus and in a trace receiver, fetched for the playground's pages."""
