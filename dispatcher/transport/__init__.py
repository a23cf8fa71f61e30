"""The receivers. The only package that imports aiohttp's client.

Rule 1: whatever a receiver does is a value, `Reply` or `NoReply`. Nothing is raised but cancellation.
Rule 2: every socket comes from `guard`, which asks the egress rules about the very address it will connect to.
Rule 3: nothing a receiver sends is trusted for its size, its duration or its timing.
"""
