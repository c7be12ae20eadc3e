"""The action units of FACS: their numbers, their names and the range of their intensities."""

from __future__ import annotations

MAX_INTENSITY = 5.0

# Ekman, Friesen, Hager, "Facial Action Coding System", 2002: the numbers and their names.
AU_NAMES: dict[int, str] = {
    1: "Inner brow raiser", 2: "Outer brow raiser", 4: "Brow lowerer", 5: "Upper lid raiser", 6: "Cheek raiser",
    7: "Lid tightener", 8: "Lips toward each other", 9: "Nose wrinkler", 10: "Upper lip raiser",
    11: "Nasolabial deepener", 12: "Lip corner puller", 13: "Sharp lip puller", 14: "Dimpler",
    15: "Lip corner depressor", 16: "Lower lip depressor", 17: "Chin raiser", 18: "Lip pucker", 19: "Tongue show",
    20: "Lip stretcher", 21: "Neck tightener", 22: "Lip funneler", 23: "Lip tightener", 24: "Lip pressor",
    25: "Lips part", 26: "Jaw drop", 27: "Mouth stretch", 28: "Lip suck", 29: "Jaw thrust", 30: "Jaw sideways",
    31: "Jaw clencher", 32: "Lip bite", 33: "Cheek blow", 34: "Cheek puff", 35: "Cheek suck", 36: "Tongue bulge",
    37: "Lip wipe", 38: "Nostril dilator", 39: "Nostril compressor", 43: "Eyes closed", 45: "Blink", 46: "Wink",
}  # fmt: skip


def column_name(au: int) -> str:
    """The table column of an action unit's intensity, e.g. 1 -> ``"AU01_r"``."""
    return f"AU{au:02d}_r"
