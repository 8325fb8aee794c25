"""Turns arrays into frozen snapshots: accounting, histograms, columns, filters. Knows no terminal and no kernel."""
