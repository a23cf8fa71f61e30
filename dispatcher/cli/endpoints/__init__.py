"""What `dispatcher endpoint` does, a module for each thing that is done.

Rule 1: what is refused is refused by the schema, in its words; what only the configuration knows is asked of `judging`.
Rule 2: a secret is read from stdin or a file, printed once if it was made here, and never again.
"""
