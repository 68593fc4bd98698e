# pragma version 0.4.3
"""
@title Storage fee
@notice Charges submissions, gathers the fees of a mining epoch and settles them with the market when the next one opens.
        Model: offchain/protocol/fees.py.
@dev Why fees gather: calling the market costs a submission 18,000 gas, and miners cannot earn them sooner, since
     sectors can be mined only once their epoch is over. A market that fails delays settlement, never a submission.
"""
from contracts.interfaces import IFlow
from contracts.interfaces import IMarket
from contracts.storage import flow_head

uses: flow_head

# A market that burns what it gets must leave enough to go on. Rewarding the longest run takes half of this.
SETTLE_GAS: constant(uint256) = 2_000_000

# Who sets the price and receives the fees.
market: address

# First sector that no settlement covers yet.
settled: uint256

# Fees in wei that left the head, because settling failed or its counter was full, and the sectors they paid for.
carried: uint256
carried_sectors: uint256


@deploy
def __init__(market: address):
    self.settled = 1
    self._appoint(market)


@internal
def _appoint(market: address):
    assert market.is_contract, "flow: market has no code"
    self.market = market
    log IFlow.MarketSet(market=market)


@view
@internal
def _offered() -> uint256:
    """@notice The market's price, or NO_PRICE while it has none."""
    known: bool = False
    answer: Bytes[32] = b""
    known, answer = raw_call(
        self.market, method_id("pricePerSector()"), max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    if not known or len(answer) < 32:
        return flow_head.NO_PRICE
    return min(convert(answer, uint256), flow_head.NO_PRICE)


@view
@internal
def _market_price() -> uint256:
    price: uint256 = staticcall IMarket(self.market).pricePerSector()
    assert price <= flow_head.MAX_PRICE, "flow: price too high"
    return price


@payable
@internal
def _charge(head: flow_head.Head, sectors: uint256) -> flow_head.Head:
    """@notice Take the fee of `sectors` from the payment; returns the head, not stored yet."""
    assert head.price != flow_head.NO_PRICE, "flow: no price yet"
    assert msg.value >= sectors * head.price, "flow: not enough fee"
    after: flow_head.Head = head
    if head.unsettled + sectors > flow_head.MAX_UNSETTLED:
        after = self._carry(head)
    if sectors > flow_head.MAX_UNSETTLED:
        self.carried += sectors * head.price
        self.carried_sectors += sectors
    else:
        after.unsettled += sectors
    return after


@payable
@internal
def _refund(fee: uint256):
    """@notice Return what was paid above `fee`. The payer's code runs: nothing may be left to do."""
    if msg.value > fee:
        raw_call(msg.sender, b"", value=msg.value - fee)


@internal
def _carry(head: flow_head.Head) -> flow_head.Head:
    """@notice Take the unsettled fees out of the head; returns it, not stored yet."""
    self.carried += head.unsettled * head.price
    self.carried_sectors += head.unsettled
    after: flow_head.Head = head
    after.unsettled = 0
    return after


@internal
def _forgo(head: flow_head.Head):
    """@notice Leave out sectors that were free: they have no share in the fees of later ones."""
    if self.settled != head.length:
        self.settled = head.length
        self.carried_sectors = 0
        after: flow_head.Head = head
        after.unsettled = 0
        flow_head._store(after)


@internal
def _settle():
    """@notice Send all fees to the market; when it fails, keep them for the next time."""
    head: flow_head.Head = flow_head._load()
    amount: uint256 = self.carried + head.unsettled * head.price
    if amount == 0:
        self._forgo(head)
        return
    sectors: uint256 = self.carried_sectors + head.unsettled
    before: uint256 = self.settled
    padding: uint256 = head.length - before - sectors
    # Before the call: whoever calls back finds nothing left to settle.
    self.carried = 0
    self.carried_sectors = 0
    self.settled = head.length
    head.unsettled = 0
    flow_head._store(head)
    taken: bool = raw_call(
        self.market,
        abi_encode(before, sectors, padding, method_id=method_id("chargeFee(uint256,uint256,uint256)")),
        value=amount,
        gas=SETTLE_GAS,
        revert_on_failure=False,
    )
    if taken:
        log IFlow.Settled(beforeLength=before, chargedSectors=sectors, amount=amount)
    else:
        self.carried = amount
        self.carried_sectors = sectors
        self.settled = before
        log IFlow.SettlementFailed(market=self.market, amount=amount)
