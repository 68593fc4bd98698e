"""What to offer for a transaction: never more than the policy's `max_fee` for a gas, nor than was agreed to in all."""

import logging
from dataclasses import replace

from offchain.chain.allowance import Allowance
from offchain.chain.client import ChainClient
from offchain.chain.envelope import Envelope
from offchain.chain.fees import capped, least, raised, usual
from offchain.chain.types import PreparedCall
from offchain.errors import BadSettings

MAX_TRANSACTION_GAS = 1 << 24  # EIP-7825

log = logging.getLogger(__name__)


class Offers:
    """Prices the transactions of `address`; an allowance of None is no limit.

    All methods raise `CapReached` when the allowance is too small for what they are asked, and the errors of
    `ChainClient`.
    """

    def __init__(self, client: ChainClient, address: str, max_fee: int, gas_margin: int) -> None:
        """`max_fee` in wei per gas, `gas_margin` in percent of what is estimated."""
        self._client = client
        self._address = address
        self._max_fee = max_fee
        self._gas_margin = gas_margin

    def quote(self, call: PreparedCall) -> int:
        """Wei that the gas of `call` may cost at most as it would be offered now."""
        return self._gas(call) * capped(self._client.fees(), self._max_fee).maximum

    def first(self, call: PreparedCall, allowance: Allowance | None) -> Envelope:
        """A transaction that has no nonce yet; one with no chance within its allowance is refused, not signed."""
        return self._priced(call, self._gas(call), allowance)

    def again(self, envelope: Envelope, allowance: Allowance | None) -> Envelope:
        """The same transaction at the prices of now, for another nonce."""
        return self._priced(envelope.call, envelope.gas, allowance)

    def better(self, key: str, envelope: Envelope, allowance: Allowance | None) -> Envelope | None:
        """A higher offer for the same nonce; None when `max_fee` or the balance allow none."""
        suggested = self._client.fees()
        wanted = raised(envelope.fees, suggested, self._max_fee)
        fees = raised(envelope.fees, suggested, self._limit(envelope.gas, allowance))
        if allowance and wanted and not fees:
            raise allowance.short_of(envelope.gas * wanted.maximum)
        # An offer the account cannot pay would take the place of one that it can.
        if fees is None or envelope.offering(fees).cost > self._client.balance(self._address):
            log.warning("%s waits, and neither max_fee nor the balance allow to offer more", key)
            return None
        return envelope.offering(fees)

    def lags(self, envelope: Envelope) -> bool:
        """Whether `envelope` offers less than others usually pay now."""
        return envelope.fees.maximum < usual(self._client.fees())

    def cancelling(self, key: str, envelope: Envelope, allowance: Allowance | None) -> Envelope:
        """What takes the place of `envelope`: a transfer of nothing to the account itself, for a higher fee.

        Raises `BadSettings` when `max_fee` leaves no higher one.
        """
        call, suggested = PreparedCall(self._address), self._client.fees()
        gas = self._gas(call)
        wanted = raised(envelope.fees, suggested, self._max_fee)
        if wanted is None:
            raise BadSettings(
                f"{key} offers {envelope.fees.maximum} wei per gas; to cancel it takes more than the max_fee of "
                f"{self._max_fee} wei: raise max_fee, or wait until it is mined"
            )
        fees = raised(envelope.fees, suggested, self._limit(gas, allowance))
        if allowance and fees is None:
            raise allowance.short_of(gas * wanted.maximum)
        return replace(envelope, call=call, gas=gas, fees=fees or wanted)

    def _priced(self, call: PreparedCall, gas: int, allowance: Allowance | None) -> Envelope:
        suggested, limit = self._client.fees(), self._limit(gas, allowance)
        if allowance and limit < min(least(suggested), self._max_fee):
            raise allowance.short_of(gas * min(suggested.maximum, self._max_fee))
        return Envelope(self._client.chain_id, 0, call, gas, capped(suggested, limit))

    def _limit(self, gas: int, allowance: Allowance | None) -> int:
        return self._max_fee if allowance is None else min(self._max_fee, allowance.room // max(gas, 1))

    def _gas(self, call: PreparedCall) -> int:
        if call.gas is not None:
            return call.gas
        needed = self._client.estimate(call, self._address)
        most = min(self._client.head().gas_limit, MAX_TRANSACTION_GAS)
        return max(needed, min(needed * (100 + self._gas_margin) // 100, most))
