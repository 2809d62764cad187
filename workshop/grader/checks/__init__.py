"""What each demo is graded for: demo_N.py has demo N's checks, each with its points and what must be true."""
