"""A question of several parts lies between them, and away from the negative ones."""

import numpy as np
import pytest

from indexer.errors import InvalidQueryError
from indexer.queries import mixed_vector

RAIN, THUNDER, WIND = np.eye(3, dtype=np.float32)


def test_parts_count_by_their_weights() -> None:
    both = mixed_vector([(RAIN, 3.0), (THUNDER, 1.0)])
    assert np.linalg.norm(both) == pytest.approx(1)
    assert both @ RAIN > both @ THUNDER > both @ WIND == 0
    np.testing.assert_allclose(mixed_vector([(RAIN, 0.2)]), RAIN)


def test_a_negative_part_leads_away_from_what_it_is() -> None:
    stormy = (RAIN + THUNDER) / np.sqrt(2)
    calm = mixed_vector([(RAIN, 1.0), (THUNDER, -0.5)])
    assert calm @ RAIN > calm @ stormy
    assert calm @ THUNDER < 0


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [(RAIN, -1.0)],
        [(RAIN, 0.0), (THUNDER, 0.0)],
        [(RAIN, float("nan"))],
        [(RAIN, float("inf")), (WIND, 1.0)],
        [(RAIN, 1.0), (RAIN, -1.0)],
    ],
)
def test_what_asks_for_nothing_is_refused(parts: list[tuple[np.ndarray, float]]) -> None:
    with pytest.raises(InvalidQueryError):
        mixed_vector(parts)
