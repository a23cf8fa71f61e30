from dispatcher.cli.layout import laid_out


def test_json_is_laid_out_and_every_value_stays_as_it_was_written():
    assert laid_out('{"a":99.90,"a": 1e400,"b":[{},[ ],"x,\\"{:"]}') == (
        '{\n  "a": 99.90,\n  "a": 1e400,\n  "b": [\n    {},\n    [],\n    "x,\\"{:"\n  ]\n}'
    )
