import click
import pytest

from offchain.cli.output import fail, stop
from offchain.errors import RemoteRefused

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b1mpaid:\r\u202e nothing\n\tat all, \u00e9\ud800"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\x9b1mpaid:\\r\\u202e nothing\n\tat all, \u00e9\\ud800"


def test_fail__control_characters_of_a_peer__do_not_reach_the_terminal(capsys):
    with pytest.raises(SystemExit):
        fail(RemoteRefused("http://liar", 1, HOSTILE), False)
    assert capsys.readouterr().err == f"http://liar refused: {SHOWN}\n"


def test_stop__control_characters_of_a_peer__do_not_reach_the_terminal(capsys):
    with pytest.raises(SystemExit):
        stop(click.ClickException(HOSTILE), False)
    assert capsys.readouterr().err == f"Error: {SHOWN}\n"
