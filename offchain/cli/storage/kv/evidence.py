"""How evidence is told on the command line."""

from __future__ import annotations

from typing import Any

from offchain.storage.kv.client.evidence import Evidence


def told(evidence: Evidence | None) -> dict[str, Any]:
    """Evidence for JSON."""
    if evidence is None:
        return {"proven": False}
    moment = evidence.moment
    return {
        "proven": True,
        "sequence": moment.seq,
        "root": "0x" + moment.root.hex(),
        "agreeing": list(evidence.agreeing),
        "behind": evidence.behind,
        "provisional": moment.provisional,
    }


def in_words(evidence: Evidence | None) -> str:
    """Evidence for people."""
    if evidence is None:
        return "not proven: the server's word"
    moment, servers = evidence.moment, len(evidence.agreeing)
    behind = "" if evidence.behind is None else f", {evidence.behind} submissions behind the chain"
    provisional = ", provisional: a file is missing" if moment.provisional else ""
    return (
        f"proven: state after submission {moment.seq}{behind}, root 0x{moment.root.hex()[:16]}… of {servers} "
        f"server{'s' if servers > 1 else ''}{provisional}"
    )
