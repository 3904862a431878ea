"""Learning rates that fall from an encoder's last layer to its first: what was learned first is changed least.

As BEiT and BEATs are fine-tuned (Bao et al. 2021, arXiv 2106.08254). A parameter's layer is read from its name.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from torch import nn

LAYER_NUMBER = re.compile(r"\b(?:layers|blocks)\.(\d+)\.")


def parameter_groups(
    named: Sequence[tuple[str, nn.Parameter]], *, layer_decay: float, weight_decay: float
) -> list[dict]:
    """Return groups for an optimiser; each has the ``rate`` that the learning rate is multiplied with.

    Layers within layers (HTS-AT's blocks within stages) are counted through. What comes before the first layer counts
    as the one under it, what comes after the last as the one above it, with the full rate. Vectors and scalars have no
    weight decay.
    """
    depths = _depths([name for name, _ in named])
    groups: defaultdict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for depth, (_, parameter) in zip(depths, named, strict=True):
        groups[depth, parameter.ndim > 1].append(parameter)
    top = max(depths)
    return [
        {
            "params": parameters,
            "weight_decay": weight_decay if decayed else 0.0,
            "rate": layer_decay ** (top - depth),
        }
        for (depth, decayed), parameters in groups.items()
    ]


def _depths(names: Sequence[str]) -> list[int]:
    numbers = [tuple(map(int, LAYER_NUMBER.findall(name))) for name in names]
    # a stage's own parameters belong to the last of its blocks, which they follow
    last_of = {number[:end]: number for number in sorted(set(numbers)) for end in range(1, len(number) + 1)}
    order = {number: depth for depth, number in enumerate(sorted(set(last_of.values())), start=1)}
    depths, passed = [], not order  # an encoder without layers is all top
    for number in numbers:
        passed = passed or bool(number)
        depths.append(order[last_of[number]] if number else (len(order) + 1 if passed else 0))
    return depths
