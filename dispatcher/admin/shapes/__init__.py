"""What callers send and get: the words of SQL, and the document's schemas.

Rule 1: a body says kinds only; what is allowed is said by the schema, whose words are the same for SQL and people.
Rule 2: no secret leaves but in the answer that made it, and no URL's query but to a token of scope admin.
"""
