"""`make before-after`: a first version of the service beside the demos, in one run, on the same core and traffic."""
