"""The VM tier: checks that run as root inside other kernels, booted in QEMU over the host's own files."""
