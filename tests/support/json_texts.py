"""JSON texts as Postgres' `json` keeps them: any white space, any number, any escape, any key twice."""

from hypothesis import strategies as st

spaces = st.text(" \t\r\n", max_size=2)
escapes = st.sampled_from([r"\"", r"\\", r"\/", r"\n", r"\u00e9", r"\u2028", r"\ud83d\ude42", r"\ud800", r"\udfff"])
plain = st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20)
strings = st.lists(st.one_of(plain, escapes)).map(lambda parts: f'"{"".join(parts)}"')
numbers = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True).filter(str.isascii),
)
scalars = st.one_of(st.sampled_from(["null", "true", "false"]), numbers, strings)


def padded(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(spaces, text, spaces).map("".join)


def arrays(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(padded(items), max_size=4).map(lambda each: f"[{','.join(each)}]")


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(padded(strings), padded(values)).map(":".join), max_size=4)
    return members.map(lambda each: f"{{{','.join(each)}}}")


texts = padded(st.recursive(scalars, lambda inner: st.one_of(arrays(inner), objects(inner)), max_leaves=8))
