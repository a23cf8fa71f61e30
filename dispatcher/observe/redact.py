"""The net under the rule that secrets are not logged: what looks like one is struck out of the finished line."""

import re

STRUCK = b"***"

# An escape of JSON is taken or left as a whole: half of one would make the line unreadable.
SIGNING_SECRET = re.compile(rb"whs(ec|k)_[A-Za-z0-9+/=_-]+")
API_TOKEN = re.compile(rb"whd_([0-9]+)_[A-Za-z0-9_-]+")
PASSWORD_IN_URL = re.compile(rb'(://[^/?#@\s":\\]*):(?:\\.|[^@\s"\\])*@')
USER_OF_HTTP_URL = re.compile(rb'(https?://)(?:\\.|[^/?#@\s"\\])*@', re.IGNORECASE)
QUERY_OF_HTTP_URL = re.compile(rb'(https?://[^\s"?#\\]*)\?(?:\\.|[^\s"\\])*', re.IGNORECASE)
PASSWORD_IN_DSN = re.compile(rb"""(password[=:]\s*)('(?:\\.|[^'"\\])*'|(?:\\.|[^\s"'&\\])+)""", re.IGNORECASE)


def redact(line: bytes) -> bytes:
    """The line without signing secrets, tokens, passwords in URLs and DSNs, and users and queries of http(s) URLs."""
    # Substring searches first: nearly every line has nothing to strike, and must not pay for six patterns.
    if b"whs" in line:
        line = SIGNING_SECRET.sub(rb"whs\1_" + STRUCK, line)
    if b"whd_" in line:
        line = API_TOKEN.sub(rb"whd_\1_" + STRUCK, line)
    if b"://" in line:
        line = PASSWORD_IN_URL.sub(rb"\1:" + STRUCK + b"@", line)
        line = USER_OF_HTTP_URL.sub(rb"\1" + STRUCK + b"@", line)
        line = QUERY_OF_HTTP_URL.sub(rb"\1?" + STRUCK, line)
    if b"assword" in line:
        line = PASSWORD_IN_DSN.sub(rb"\1" + STRUCK, line)
    return line
