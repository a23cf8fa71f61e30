"""The HTTP API, for programs and whoever is behind them.

Rule 1: nobody gets past the frame without a token that counts; only /healthz and /readyz need none.
Rule 2: what is wrong with a request is a `Problem`, in words; what is wrong with us is a 500 and an id for the log.
Rule 3: a route is a value in a table. The document is made from that table, and nothing is answered beside it.
Rule 4: whatever callers do costs a bounded amount of memory, files and time; deliveries do not notice.
"""

from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.listener import Listener
from dispatcher.admin.problems import Problem
from dispatcher.admin.routes import Route

__all__ = ["Answer", "Call", "Listener", "Problem", "Route"]
