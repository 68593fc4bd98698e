import io
import json
import logging

import pytest
import structlog

from offchain.runtime.logging import HIDDEN, configure_logging, covered_text, get_logger, hide_secrets

KEY = "ab" * 32


@pytest.fixture
def stream():
    """Where logs go; the process-wide configuration is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_configure_logging__no_terminal__writes_json_in_utc(stream):
    configure_logging(stream=stream)
    get_logger("node").info("page read", blocks=12)
    (line,) = lines(stream)
    assert (line["event"], line["blocks"], line["level"], line["logger"]) == ("page read", 12, "info", "node")
    assert line["timestamp"].endswith("Z")


def test_configure_logging__console__writes_lines_for_people(stream):
    configure_logging(style="console", stream=stream)
    get_logger("node").warning("page read", blocks=12)
    assert "page read" in stream.getvalue()
    assert "blocks=12" in stream.getvalue()


def test_configure_logging__level__drops_what_is_below(stream):
    configure_logging(level="warning", stream=stream)
    get_logger("node").info("quiet")
    get_logger("node").error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_configure_logging__libraries__are_written_alike(stream):
    configure_logging(stream=stream)
    logging.getLogger("offchain.chain.sender").warning("%s waits", "one", extra={"nonce": 3})
    logging.getLogger("urllib3.connectionpool").info("Starting new HTTP connection")
    (line,) = lines(stream)
    assert (line["event"], line["nonce"], line["logger"]) == ("one waits", 3, "offchain.chain.sender")


@pytest.mark.parametrize("style", ["json", "console"])
def test_configure_logging__exception__shows_the_traceback_without_local_values(stream, style):
    configure_logging(style=style, stream=stream)
    password = "hunter2"
    try:
        raise ValueError(len(password))
    except ValueError:
        get_logger("node").exception("failed")
    assert "ValueError: 7" in stream.getvalue()
    assert password not in stream.getvalue()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("private_key", "anything"),
        ("password", "x"),
        ("api_key", "x"),
        ("Authorization", "Bearer x"),
        ("mnemonic", ["a", "b"]),
        ("key", KEY),
        ("signing_key", "0x" + KEY),
        ("key", bytes(32)),
        ("seed", KEY),
    ],
)
def test_hide_secrets__suspicious_name__is_covered(name, value):
    assert hide_secrets(None, "info", {"event": "x", name: value})[name] == HIDDEN


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "submit:12"), ("root", "0x" + KEY), ("transaction", KEY), ("password", None), ("data", bytes(32))],
)
def test_hide_secrets__harmless_value__stays(name, value):
    assert hide_secrets(None, "info", {name: value})[name] == value


def test_hide_secrets__nested_values__are_covered_too():
    event = {"settings": {"rpc": "http://x", "password": "y", "list": [{"token": "z"}]}}
    assert hide_secrets(None, "info", event) == {
        "settings": {"rpc": "http://x", "password": HIDDEN, "list": [{"token": HIDDEN}]}
    }


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("at https://me:word@rpc.test/x", f"at https://{HIDDEN}@rpc.test/x"),
        ("https://rpc.test/v3/0123456789abcdef0123456789abcdef", f"https://rpc.test/v3/{HIDDEN}"),
        ("https://rpc.test/?key=0123456789abcdef0123", f"https://rpc.test/?key={HIDDEN}"),
        ("http://node/file?root=0x" + KEY, "http://node/file?root=0x" + KEY),
        (f"private key 0x{KEY}", f"private key {HIDDEN}"),
        (f"transaction 0x{KEY}", f"transaction 0x{KEY}"),
    ],
)
def test_covered_text__credentials_inside__are_cut_out(text, covered):
    assert covered_text(text) == covered
