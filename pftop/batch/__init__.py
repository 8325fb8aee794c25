"""Snapshots to plain text, JSON Lines and CSV, on one clean stream, for pipes and files."""
