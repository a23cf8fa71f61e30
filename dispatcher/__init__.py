"""Webhooks straight from Postgres.

The map of the house. A module imports its own floor or one below, never one above (`tests/test_house.py`):

    0 words      model, errors              the nouns, the ways to fail; import nothing of ours
    1 judgement  config, policy/            pure decisions: no I/O, no clock, no dice of their own
    2 hands      store/      Postgres       each package touches one thing outside
                 transport/  the receivers
                 observe/    the log
                 embedded/   a private Postgres for trying it out
    3 the river  pipeline/                  the stages, each a `step`, all turned by one loop
    4 the door   admin/                     the HTTP API: a table of routes, and the frame they hang in
    5 the house  daemon/                    opens everything, wires it, leaves in order
    6 the key    cli/                       what a person types

An event's way, in the order of the files in `pipeline/`:

    fanout   inbox rows become deliveries; what a lane has room for comes along
    lanes    one per endpoint: a short queue, what is in flight, limits, breaker
    workers  deliveries in flight, bounded; each one composes, signs, posts, judges (`deliver`)
    settle   what happened becomes rows, in batches
    refill   lanes that ran low read more of their own backlog

Behind the scenes: `discover` finds what nobody remembers, `changes` what was changed with SQL, `seal` secrets that are
stored as they are; `cancel` and `expire` end what is no longer wanted, `health` writes what the breaker decided;
`rates` counts attempts, so that nobody else has to; `days`, `retention` and `vacuum` look after the tables.
"""

from importlib.metadata import version

__version__ = version("dispatcher")
