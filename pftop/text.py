"""Owns the one way in which process-controlled text becomes safe to show: the ``Safe`` type and ``clean``."""
