"""Peak rates of graphics cards: dense bfloat16 floating-point operations a second, of NVIDIA's data sheets.

The sheets of most cards give the rate with sparsity, which is twice this one.
"""

import re

PEAKS = (  # a part of the name that CUDA gives, the more particular first
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),  # SXM
    ("H200", 989e12),
    ("B200", 2_250e12),
    ("A100", 312e12),
    ("L40S", 362e12),
    ("L4", 121e12),
)


def peak_of(card: str) -> float | None:
    """Return the peak of the card that CUDA calls so, None if it is not known."""
    words = re.split("[ -]", card)
    for name, peak in PEAKS:
        wanted = name.split()
        if any(words[start : start + len(wanted)] == wanted for start in range(len(words))):
            return peak
    return None
