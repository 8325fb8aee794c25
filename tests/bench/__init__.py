"""What pftop costs: ``python -m tests.bench``. Prints figures and ratios; nothing here fails for being slow."""
