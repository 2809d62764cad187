"""What the Makefile runs: start a demo, grade it, break it for a drill, check this machine, install programs."""
