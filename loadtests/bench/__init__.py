"""`make bench`: the gateway beside its peers, in one run, on the same core, in front of the same static upstream."""
