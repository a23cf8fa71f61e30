"""The operator's instruments: the log.

Rule 1: nothing in here can stop, slow or end a delivery; what cannot be written is dropped and counted.
Rule 2: never a payload, secret, header value, URL query or password; an exception is its type and frames, no message.
"""
