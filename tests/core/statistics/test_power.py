"""Items needed: the inverse of what intervals and tests are."""

import numpy as np
import pytest

from src.core.statistics.intervals import standard_error, z_value
from src.core.statistics.power import items_for_difference, items_for_width, paired_variance


@pytest.mark.parametrize(("share", "width"), [(0.5, 0.01), (0.2, 0.03)])
def test_as_many_items_as_advised_give_the_width(share, width):
    n = items_for_width(width, share * (1 - share))
    rng = np.random.default_rng(0)
    widths = [z_value(0.95) * standard_error((rng.random(n) < share).astype(float)) for _ in range(100)]
    assert np.mean(widths) == pytest.approx(width, rel=0.05)


def test_as_many_items_as_advised_show_the_difference_four_times_in_five():
    share, difference, rng = 0.5, 0.05, np.random.default_rng(1)
    n = items_for_difference(difference, paired_variance(share, 0.6))
    shown = []
    for _ in range(600):
        same = rng.random(n) < 0.6  # of these items both models know alike
        a, b = rng.random(n) < share + difference, rng.random(n) < share
        a = np.where(same, b, a)
        # the shared items tell nothing of the difference, so the others carry all of it
        a = np.where(~same, rng.random(n) < share + difference / 0.4, a)
        d = a.astype(float) - b
        shown.append(abs(d.mean()) > z_value(0.95) * standard_error(d))
    assert np.mean(shown) == pytest.approx(0.8, abs=0.05)


def test_models_that_answer_other_items_need_twice_as_many_as_those_half_alike():
    apart, alike = (items_for_difference(0.02, paired_variance(0.4, rho)) for rho in (0.0, 0.5))
    assert apart == pytest.approx(2 * alike, rel=1e-3)
