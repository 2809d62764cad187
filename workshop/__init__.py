"""What the Makefile runs: start a demo, grade it, break it for a drill, look the machine over, install programs."""
