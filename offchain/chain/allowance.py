"""What was agreed to: the most that all transactions of an intent may cost in gas, whichever of them is mined."""

from dataclasses import dataclass

from offchain.chain.envelope import Envelope
from offchain.chain.journal import Journal
from offchain.chain.outcomes import CapReached
from offchain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent on the gas of one nonce: `room` wei, of a `cap` that was agreed to for the intent `owner`."""

    owner: str
    cap: int
    room: int

    def short_of(self, cost: int) -> CapReached:
        """The error that says by how much `cost` wei are too many."""
        return CapReached(self.owner, self.cap, self.cap + cost - self.room)


class Allowances:
    """The caps of an account's intents, on record before anything is signed under them."""

    def __init__(self, journal: Journal) -> None:
        """`journal` holds caps and signed transactions."""
        self._journal = journal

    def of(self, key: str) -> Allowance | None:
        """What `key` may cost, signed or not; None when nobody set a limit.

        Of the transactions with one key at most one is mined, so they share the room. Those of other keys that count
        against the same cap, fillers of gaps, are mined besides.
        """
        agreement = self._journal.agreement(key)
        if agreement is None:
            return None
        others = sum(self._most(other) for other in self._journal.sharing(agreement.owner) if other != key)
        return Allowance(agreement.owner, agreement.cap, max(agreement.cap - others, 0))

    def proposed(self, key: str, cap: int | None) -> Allowance | None:
        """What `key`, of which nothing is signed, may cost if `cap` is agreed to; `Invalid` for a negative one."""
        if cap is None:
            return self.of(key)
        _require_amount(key, cap)
        return Allowance(key, cap, cap)

    def agree(self, key: str, cap: int) -> None:
        """Let `cap` wei, instead of what was agreed to before, be the most that `key` may cost.

        Raises `CapReached` when what is signed may cost more: that cannot be taken back, and nothing is signed beyond.
        `Invalid` for a negative one.
        """
        _require_amount(key, cap)
        signed = sum(self._most(each) for each in {key, *self._journal.sharing(key)})
        agreement = self._journal.agreement(key)
        if agreement is None or agreement.cap != max(cap, signed):
            self._journal.agree(key, max(cap, signed))
        if cap < signed:
            raise CapReached(key, cap, signed)

    def share(self, key: str, owner: str) -> None:
        """Count what `key` costs against the cap of `owner`, if there is one."""
        if self._journal.agreement(owner) and not self._journal.agreement(key):
            self._journal.share(key, owner)

    def _most(self, key: str) -> int:
        costs = (Envelope.from_json(entry.unsigned).gas_cost for entry in self._journal.of_key(key) if entry.unsigned)
        return max(costs, default=0)


def _require_amount(key: str, cap: int) -> None:
    if cap < 0:
        raise Invalid(f"a cap of {cap} wei for {key} is less than nothing")
