import pytest

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.storage.client.patience import ATTEMPTS, again

TOO_MANY = RemoteRefused("http://node", -32000, "too many data writing: 64")


class Script:
    """A call that fails as planned, then succeeds; the pauses between."""

    def __init__(self, *errors):
        self.errors, self.slept, self.calls = list(errors), [], 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def run(self, **options):
        return again(self, self.slept.append, **options)


def test_again__success__is_returned_at_once():
    script = Script()
    assert (script.run(), script.slept) == ("done", [])


@pytest.mark.parametrize("error", [PeerUnavailable("silent"), Busy("full"), TOO_MANY], ids=str)
def test_again__error_that_passes__is_waited_out_with_growing_pauses(error):
    script = Script(*[error] * 4)
    assert script.run() == "done"
    for pause, longest in zip(script.slept, (0.25, 0.5, 1.0, 2.0), strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize("error", [PeerUnavailable("silent"), Busy("full"), TOO_MANY], ids=str)
def test_again__error_that_stays__is_raised_after_the_last_attempt(error):
    script = Script(*[error] * 20)
    with pytest.raises(type(error)):
        script.run()
    assert (script.calls, len(script.slept)) == (ATTEMPTS, ATTEMPTS - 1)


def test_again__number_of_attempts__is_kept():
    script = Script(*[Busy("full")] * 3)
    with pytest.raises(Busy):
        script.run(attempts=1)
    assert (script.calls, script.slept) == (1, [])


@pytest.mark.parametrize(
    "error", [RemoteRefused("http://node", -32602, "Invalid params: proof"), NotFound("gone"), Invalid("no")], ids=str
)
def test_again__refusal__is_raised_at_once(error):
    script = Script(error)
    with pytest.raises(type(error)):
        script.run()
    assert (script.calls, script.slept) == (1, [])
