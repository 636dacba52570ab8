"""Print the oldest supported version of each requirement of pyproject.toml, one to a line."""

import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    from pip._vendor import tomli as tomllib


def oldest(requirement: str) -> str:
    """Turn `name>=1.2,<2` into `name==1.2.*`, the last corrections of the oldest version."""
    name, separator, bounds = requirement.partition(">=")
    if not separator:
        raise ValueError(f"`{requirement}` has no lower bound")
    return f"{name}=={bounds.split(',')[0]}.*"


project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = [project["optional-dependencies"][name] for name in sys.argv[1:]]
print("\n".join(oldest(each) for group in (project["dependencies"], *extras) for each in group))
