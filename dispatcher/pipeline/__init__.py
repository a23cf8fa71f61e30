"""The river: stages that pass deliveries on. Each has one `step`; `loop.keep` is the only thing that turns them.

Rule 1: stages do not import each other; what they share is passed in by `daemon`.
Rule 2: no transaction and no connection is held during an HTTP call.
"""
