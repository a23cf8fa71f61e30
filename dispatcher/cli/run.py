"""`dispatcher run`: the daemon."""

import typer


def run(context: typer.Context) -> None:
    """Deliver, until SIGTERM or Ctrl-C: what is in flight finishes and is written. A second one leaves at once."""
    from dispatcher.cli.serving import serve  # noqa: PLC0415 rule 3

    serve(context.obj)
