"""`dispatcher delivery`."""

import typer

delivery = typer.Typer(name="delivery", help="Deliveries.")


@delivery.callback()
def _about() -> None:
    """Deliveries."""


@delivery.command("list")
def list_all() -> None:
    """x"""
