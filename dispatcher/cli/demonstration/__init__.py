"""The demonstration: an application that inserts events, receivers that verify them, a dispatcher in between.

Only the audience is special. The application speaks plain SQL as an ordinary role, the receivers plain HTTP, and the
dispatcher is the one that `run` starts.
"""

from dispatcher.cli.demonstration.play import demonstrate

__all__ = ["demonstrate"]
