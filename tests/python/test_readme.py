"""The README names every layer of the family."""

import re
from pathlib import Path

from bayeslayers import layers

README = Path(__file__).parents[2] / "README.md"


def test_the_table_names_every_layer_with_its_function_and_class():
    rows = re.findall(r"^\| `(layer_\w+)\(\)` \| `(\w+)`", README.read_text(encoding="utf-8"), re.M)
    assert rows == [(layer.function_name, name) for name, layer in layers.FAMILY.items()]
