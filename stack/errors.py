"""What can go wrong with the stack; each error says what, where and what to do.

StackError
├── PortTaken        another program listens where a service wants to
├── ProgramMissing   a server is neither installed nor obtainable
├── DownloadFailed   a file did not arrive, or arrived altered
├── ServiceFailed    a service did not start, or did not become ready in time
└── NotRunning       a command needs a running stack
"""


class StackError(Exception):
    """A trouble the user can act on; its text is the whole message."""


class PortTaken(StackError):
    """Another program listens where a service wants to."""


class ProgramMissing(StackError):
    """A server is neither installed nor obtainable."""


class DownloadFailed(StackError):
    """A file did not arrive, or arrived altered."""


class ServiceFailed(StackError):
    """A service did not start, or did not become ready in time."""


class NotRunning(StackError):
    """A command needs a running stack."""
