"""Tests of workshop/progress: the path through the demos, its record, its hints and its comparisons."""
