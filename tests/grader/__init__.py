"""Tests of the grader: its reports on code that does not load, services that are gone, and wrong answers."""
