import pytest

from offchain.chain.envelope import Envelope
from offchain.chain.types import Fees, PreparedCall

TARGET = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"


def envelope(fees):
    return Envelope(7, 3, PreparedCall(TARGET, b"\1\2", 5), 30000, fees)


@pytest.mark.parametrize("fees", [Fees(10, 2), Fees(10)])
def test_to_json__read_back__signs_the_same_fields(fees):
    assert Envelope.from_json(envelope(fees).to_json()).as_web3() == envelope(fees).as_web3()


def test_as_web3__fees_with_priority__is_a_transaction_of_type_2():
    fields = envelope(Fees(10, 2)).as_web3()
    assert (fields["type"], fields["maxFeePerGas"], fields["maxPriorityFeePerGas"]) == (2, 10, 2)
    assert fields["to"] == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def test_as_web3__gas_price__is_a_legacy_transaction():
    fields = envelope(Fees(10)).as_web3()
    assert fields["gasPrice"] == 10
    assert "type" not in fields


def test_cost__value_and_gas__are_summed():
    assert envelope(Fees(10, 2)).cost == 5 + 30000 * 10


def test_offering__other_fees__changes_nothing_else():
    assert envelope(Fees(10, 2)).offering(Fees(20, 4)) == envelope(Fees(20, 4))
    assert envelope(Fees(10)).numbered(9).nonce == 9
