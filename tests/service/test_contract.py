"""The OpenAPI document is the contract: the repository holds it, and the app keeps to it whatever is asked.

Schemathesis makes requests of the document, good and bad ones, and checks every answer against it. What is good by the
document may still be refused (422): no schema says what a picture is, or which clips there are.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, settings
from requests import Request
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service import openapi
from service.database import open_database
from service.keys import Keys, Scope
from tests.service.helpers import serving, wait_until_loaded
from tests.service.http_server import listening

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
QUICK, DEEP = 15, 100
"""Examples an operation."""
LONGEST = 65_000
"""Bytes of an address: one of more than 64 KiB is refused by the HTTP parser, and no application sees it."""


schema = schemathesis.openapi.from_dict(openapi.document())


@pytest.fixture(scope="module")
def asked(
    store_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[schemathesis.Case], None]]:
    """Asks with a key that may do everything, so a store of its own, and checks the answer against the document."""
    own_store = shutil.copytree(store_dir, tmp_path_factory.mktemp("contract") / "store")
    keys = Keys(open_database(own_store, None))
    _, key = keys.create(name="contract", scope=Scope.ADMIN, requests_per_minute=1_000_000)
    with serving(own_store) as started, listening(started.app, lifespan="off") as url:
        wait_until_loaded(started)
        headers = {"Authorization": f"Bearer {key}"}

        def ask(case: schemathesis.Case) -> None:
            address = case.as_transport_kwargs(base_url=url)
            assume(
                len(Request("GET", address["url"], params=address["params"]).prepare().url or "") < LONGEST
            )
            case.call_and_validate(base_url=url, headers=headers, excluded_checks=[positive_data_acceptance])

        yield ask


def test_the_snapshot_is_the_contract() -> None:
    assert SNAPSHOT.read_text("utf-8") == openapi.text(), (
        "if the API shall change, and old clients still work: python -m service.openapi > docs/openapi.json"
    )


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


@schema.parametrize()
@bounded(QUICK)
def test_every_answer_is_in_the_contract(
    case: schemathesis.Case, asked: Callable[[schemathesis.Case], None]
) -> None:
    asked(case)


@pytest.mark.slow
@schema.parametrize()
@bounded(DEEP)
def test_every_answer_is_in_the_contract_whatever_is_asked(
    case: schemathesis.Case, asked: Callable[[schemathesis.Case], None]
) -> None:
    asked(case)
