"""What the Makefile runs: start a demo, look the machine over, install the programs that tests need."""
