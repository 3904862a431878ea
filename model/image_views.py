"""What the compact anchor's image network sees of a picture. Needs no torch."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGE_SIZE_PX = 224


def image_views(image: Image.Image) -> NDArray[np.float32]:
    """Return the whole picture, padded to a square, and its centre, (2, 3, 224, 224) in [-1, 1].

    Drawings fill their frame and lose their outline when cropped; photos hold their subject in the centre.
    """
    image = image.convert("RGB")
    side = max(image.size)
    whole = Image.new("RGB", (side, side), "white")
    whole.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    centre = image.crop((left, top, left + short, top + short))
    views = [
        view.resize((IMAGE_SIZE_PX, IMAGE_SIZE_PX), Image.Resampling.BICUBIC) for view in (whole, centre)
    ]
    pixels = np.stack([np.asarray(view, np.float32) for view in views])
    return ((pixels - 127.0) / 128.0).transpose(0, 3, 1, 2)
