"""How much of a state machine's walk the contract accepted: a walk of refusals would prove nothing."""

from collections import Counter

import pytest

FLOOR = 0.6


class Acceptance:
    """Counts accepted and refused steps of one machine over all its runs."""

    def __init__(self, machine):
        self.machine = machine
        self.steps = Counter()

    def count(self, accepted):
        """Record one step."""
        self.steps[accepted] += 1

    @property
    def share(self):
        """Accepted steps among all."""
        return self.steps[True] / max(self.steps.total(), 1)

    def check(self):
        """Print the share, fail below the floor."""
        print(f"{self.machine}: {self.share:.0%} of {self.steps.total()} steps accepted")
        if self.share < FLOOR:
            pytest.fail(f"{self.machine}: only {self.share:.0%} of the steps were accepted")
