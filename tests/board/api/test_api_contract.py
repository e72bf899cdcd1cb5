"""Schemathesis holds every answer against the API's own description: a short run here, ten minutes in the bench."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.board.api.contract import CHECKS, schema

pytestmark = pytest.mark.filterwarnings("ignore")

EXAMPLES = 8  # for each address and mode


def test_the_description_refers_to_nothing_it_does_not_hold(described):
    text = json.dumps(described.raw_schema)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert "Problem" in named
    assert named <= set(described.raw_schema["components"]["schemas"])


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    return schema(tmp_path_factory.mktemp("board"))


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_answer_breaks_its_description(described, mode):
    operations = [each.ok() for each in described.get_all_operations()]
    assert len(operations) >= 20
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def hold(case) -> None:
            case.call_and_validate(checks=CHECKS)

        with suppress(Unsatisfiable):  # of a plain text hardly anything is wrong
            hold()
