"""Something that kills a node again and again, and calls that outlive its deaths."""

import random
import threading
from http.client import HTTPException

from tests.doubles.polling import eventually


class Reaper(threading.Thread):
    """Kills a node again and again at random moments, and starts it each time."""

    def __init__(self, node, seed, longest=0.25):
        super().__init__(daemon=True)
        self.node, self.dice, self.longest = node, random.Random(seed), longest
        self.done, self.kills = threading.Event(), 0

    def run(self):
        while not self.done.wait(self.dice.uniform(0, self.longest)):
            self.node.kill()
            self.kills += 1
            self.node.start()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def persistently(call):
    """The result of a call to a node that may die meanwhile."""
    found = []

    def look():
        try:
            found.append(call())
        except (OSError, HTTPException):
            return False
        return True

    eventually(look, "the node answers between two deaths")
    return found[0]
