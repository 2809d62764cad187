"""Tests of the grader: what it says of code that does not load, of services that are gone, of wrong answers."""
