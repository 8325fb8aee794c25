"""Owns how keys are spelt for people."""

from __future__ import annotations

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "backslash": "\\",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "comma": ",",
    "full_stop": ".",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "backspace": "Backspace",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "space": "Space",
}


def key_name(key: str) -> str:
    """A key of a binding as it stands on a keyboard."""
    if key in _NAMES:
        return _NAMES[key]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[5:].upper()}"
    if key.startswith("f") and key[1:].isdigit():
        return key.upper()
    return key


def key_names(keys: str) -> str:
    """All keys of a binding."""
    return "  ".join(key_name(key.strip()) for key in keys.split(","))
