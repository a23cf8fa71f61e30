"""The house: opens everything, wires it, and leaves in the order water leaves a house. The only wiring.

life      start, hold the work or stand by, reload, drain
stages    every stage, and the wires between them
sessions  the connections to the database
senders   the way out, and another one after a reload
values    the settings, as the floors below want them
reload    which settings take effect at once, which at the next start
standing  how it stands, in words for whoever asks
telling   says so: to systemd, which also wants a sign of life, and to `dispatcher status`
"""

from dispatcher.daemon.life import Adoption, Dispatcher

__all__ = ["Adoption", "Dispatcher"]
