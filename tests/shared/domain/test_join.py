"""The join: a stage is over when each of its steps is done or waived."""

import pytest

from shared.domain.join import IN_FLIGHT, OVER, STATES, stage_is_over


@pytest.mark.parametrize("state", STATES)
def test_one_step_that_is_not_over_holds_its_stage(state):
    """Whatever the others are; and the number of them does not matter."""
    assert (state in OVER) == stage_is_over(["done", "waived", "done", state])
    assert (state in OVER) == stage_is_over([state])


def test_a_stage_without_steps_is_over():
    """Nothing is to be done."""
    assert stage_is_over([])
    assert stage_is_over(iter(()))


def test_the_states_are_those_of_the_design():
    """A failed step is neither over nor in flight."""
    assert ("waiting", "ready", "queued", "running", "done", "failed", "waived") == STATES
    assert not OVER & IN_FLIGHT
    assert "failed" not in OVER | IN_FLIGHT
