import pytest

from offchain.chain import parse
from offchain.chain.parse import parsed
from offchain.errors import ChainUnavailable

WORD = "0x" + "12" * 32
ADDRESS = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
BLOCK = {"number": "0x5", "hash": WORD, "parentHash": WORD, "timestamp": "0x6", "gasLimit": "0x7"}
LOG = {
    "address": ADDRESS,
    "topics": [WORD],
    "data": "0x1234",
    "blockNumber": "0x5",
    "blockHash": WORD,
    "transactionHash": WORD,
    "logIndex": "0x2",
}
RECEIPT = {
    "transactionHash": WORD,
    "blockNumber": "0x5",
    "blockHash": WORD,
    "status": "0x1",
    "gasUsed": "0x9",
    "logs": [LOG],
    "contractAddress": ADDRESS,
}


def test_header__chain_without_base_fee_or_bloom__is_read():
    header = parsed(parse.header, BLOCK)
    assert (header.number, header.timestamp, header.base_fee, header.bloom, header.gas_limit) == (5, 6, None, b"", 7)


def test_log__any_case_of_the_address__is_checksummed():
    log = parsed(parse.log, LOG)
    assert log.address == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert (log.data, log.index, log.removed) == (b"\x12\x34", 2, False)


def test_receipt__deployment__names_the_contract():
    receipt = parsed(parse.receipt, RECEIPT)
    assert receipt.succeeded
    assert (receipt.contract, len(receipt.logs)) == ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 1)


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (parse.header, {}),
        (parse.header, None),
        (parse.header, BLOCK | {"hash": "0x12"}),
        (parse.header, BLOCK | {"number": None}),
        (parse.header, BLOCK | {"number": "five"}),
        (parse.log, LOG | {"topics": None}),
        (parse.log, LOG | {"address": "0x12"}),
        (parse.logs, {"a": 1}),
        (parse.logs, "text"),
        (parse.receipt, RECEIPT | {"status": None}),
        (parse.quantity, None),
        (parse.octets, "0xzz"),
    ],
)
def test_parsed__wrong_shape__is_the_rpc_s_fault(read, raw):
    with pytest.raises(ChainUnavailable, match="malformed answer"):
        parsed(read, raw)
