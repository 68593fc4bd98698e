"""Structured logs: lines for people on a terminal, JSON elsewhere, UTC, without secrets."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"private|secret|passw|passphrase|mnemonic|token|authorization|api_?key|cookie", re.IGNORECASE
)
_KEY_NAME = re.compile(r"(^|_)(key|seed)$", re.IGNORECASE)
_BARE_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_TOLD_KEY = re.compile(r"((?:private|secret|signing)[ _-]?key\W{0,4})(?:0x)?[0-9a-fA-F]{64}", re.IGNORECASE)
_URL = re.compile(r"(https?://)([^\s/'\"@]+@)?([^\s'\"]*)")
# Providers put API keys into the path or the query. Hashes, which start with 0x, may be shown.
_URL_KEY = re.compile(r"(?<=[/=])(?!0x)[A-Za-z0-9_-]{20,}")
_LOUD = ("numba", "urllib3", "web3", "asyncio", "requests")


def configure_logging(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Send all logs, those of libraries too, to `stream` (standard error), from `level` on.

    `style` is "console", "json", or "auto" for console on a terminal only. Called once, by whoever starts the process.
    """
    stream = stream or sys.stderr
    console = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    renderer = _for_people(stream.isatty()) if console else structlog.processors.JSONRenderer()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _LOUD:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; takes an event in plain words and facts as keywords: `log.info("page read", blocks=12)`."""
    return structlog.stdlib.get_logger(name)


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cover passwords, private keys and the credentials inside URLs, in nested values and tracebacks too."""
    return {name: _covered(name, value) for name, value in event.items()}


def _covered(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name) and value is not None:
        return HIDDEN
    if isinstance(value, bytes):
        return HIDDEN if _KEY_NAME.search(name) and len(value) == 32 else value
    if isinstance(value, str):
        return HIDDEN if _KEY_NAME.search(name) and _BARE_KEY.fullmatch(value) else covered_text(value)
    if isinstance(value, Mapping):
        return {inner: _covered(str(inner), some) for inner, some in value.items()}
    if isinstance(value, Sequence):
        return [_covered(name, some) for some in value]
    return value


def covered_text(text: str) -> str:
    """`text` without private keys it names, nor credentials of URLs."""
    return _URL.sub(_covered_url, _TOLD_KEY.sub(rf"\1{HIDDEN}", text))


def _covered_url(found: re.Match[str]) -> str:
    scheme, user, rest = found.groups()
    return scheme + (f"{HIDDEN}@" if user else "") + _URL_KEY.sub(HIDDEN, rest)


def _for_people(colors: bool) -> structlog.dev.ConsoleRenderer:
    # The default shows the values of local variables in tracebacks, keys among them.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
