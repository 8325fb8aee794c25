"""Tests of the terminal UI over a scripted feed."""
