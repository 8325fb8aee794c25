"""Owns the terminal UI; importing it settles the environment that textual reads, so it comes before textual.

textual reads its ``TEXTUAL_*`` variables once, at import. Some of them import modules (``TEXTUAL_DRIVER``) or
write files (``TEXTUAL_LOG``, ``TEXTUAL_SCREENSHOT``), which nobody may ask of a program that runs as root; the
others are set here to what a monitor wants: no animation, and frames no faster than they can be read.
"""

import os

for _name in [name for name in os.environ if name == "TEXTUAL" or name.startswith("TEXTUAL_")]:
    del os.environ[_name]
os.environ["TEXTUAL_ANIMATIONS"] = "none"
os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
os.environ["TEXTUAL_FPS"] = "30"
