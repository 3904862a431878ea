"""Prints the OpenAPI document, whose snapshot is the contract: ``python -m service.openapi > docs/openapi.json``."""

import json
import sys
from pathlib import Path
from typing import Any

from service.app import create_app


def document() -> dict[str, Any]:
    """The OpenAPI document. Needs neither store nor model."""
    return create_app(store_dir=Path("unused")).openapi()


def text() -> str:
    """The document as it is kept."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
