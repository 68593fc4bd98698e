"""A process that dies, or a disk that fails, between any two calls of the system."""

import errno
import os


class Killed(BaseException):
    """What nothing catches: the process is gone."""


class Failing:
    """Stands before functions of a module: the call number `at` does half of its work, if it can, and then fails."""

    def __init__(self, monkeypatch, module, names, at, failure=Killed):
        self.left = at
        self.failure = failure
        for name in names:
            monkeypatch.setattr(module, name, self._before(getattr(module, name)))

    @property
    def happened(self):
        return self.left < 0

    def _before(self, function):
        def call(*arguments):
            self.left -= 1
            if self.left != -1:
                return function(*arguments)
            if function is _pwrite:
                descriptor, data, at = arguments
                _pwrite(descriptor, memoryview(data)[: len(data) // 2], at)
            raise self.failure

        return call


_pwrite = os.pwrite
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


class Fuse:
    """Kills whoever passes boundary number `at`."""

    def __init__(self, at):
        self.left = at

    def burn(self):
        self.left -= 1
        if self.left < 0:
            raise Killed


class Doomed:
    """Stands before an object: the process may die before and after each of its `fatal` methods."""

    def __init__(self, inner, fatal, fuse):
        self._inner, self._fatal, self._fuse = inner, fatal, fuse

    def __getattr__(self, name):
        method = getattr(self._inner, name)
        if name not in self._fatal:
            return method

        def call(*arguments, **options):
            self._fuse.burn()
            result = method(*arguments, **options)
            self._fuse.burn()
            return result

        return call
