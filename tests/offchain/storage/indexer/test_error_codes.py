"""docs/spec/error-codes.md and docs/spec/rest.md say what the sources do."""

import re
from pathlib import Path

from offchain import errors
from offchain.cli.output import code_of
from offchain.errors import InsufficientFunds, RemoteRefused, TransactionReverted, ZgError
from offchain.net import jsonrpc, rest
from offchain.storage.client.payment import Declined
from offchain.storage.indexer import refusals
from offchain.storage.indexer.rest_api import RestApi

SPEC = Path(__file__).parents[4] / "docs" / "spec"
CODES = (SPEC / "error-codes.md").read_text()
ARGUMENTS = {InsufficientFunds: ("0x", 1, "for it"), TransactionReverted: ("no",), RemoteRefused: ("http://a", 1, "no")}


def rows(section):
    """Cells of the table in a section of the page."""
    text = CODES.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return lines[2:]


def kinds(base):
    """An error and all that derive from it."""
    return {base, *(each for child in base.__subclasses__() for each in kinds(child))}


def test_page__rest__has_every_code_with_its_text():
    assert {int(code): text for code, text, *_ in rows("REST")} == rest.MESSAGES | refusals.TEXTS


def test_page__rest__tells_the_http_status_of_each():
    statuses = {int(code): status for code, _, _, status in rows("REST")}
    assert (statuses.pop(rest.INTERNAL), statuses.pop(rest.WRONG)) == ("500; 503", "200; 408")
    assert set(statuses.values()) == {"200"}


def test_page__json_rpc__has_every_code():
    named = {value for name, value in vars(jsonrpc).items() if name.isupper() and type(value) is int and value < 0}
    assert {int(code) for code, _ in rows("JSON-RPC")} == named


def test_page__commands__has_every_kind_with_its_exit_code():
    public = {each for each in kinds(ZgError) if each.__module__ == errors.__name__} - {ZgError} | {Declined}
    told = {kind: int(code) for kind, code, _ in rows("Commands")}
    assert told == {each.__name__: code_of(each(*ARGUMENTS.get(each, ("x",)))) for each in public}


def test_page__routes__are_all_described():
    page = (SPEC / "rest.md").read_text()
    described = set(re.findall(r"^\| `(GET|POST) (/[^?`]*)", page, re.MULTILINE))
    served = {(method, path.replace(":.*", "")) for method, path, _ in RestApi(None, None, None, 0).routes}
    assert served - {(method, path) for method, path in served if method == "HEAD"} == described
    assert {path for method, path in served if method == "HEAD"} == {"/file", "/file/{cid}/{path}"}
