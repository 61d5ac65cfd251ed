"""What `make` runs first, by whatever `python3` there is: an old one gets a sentence, not a traceback."""

import ast

import pytest

from embedded.jars import PROJECT

FIRST_READ = ["embedded/__init__.py", "embedded/environment.py", "embedded/supported.py"]
EVALUATED = (ast.Subscript, ast.BinOp)  # list[str], str | None: known since 3.9 and 3.10


@pytest.mark.parametrize("name", FIRST_READ)
def test_python_3_6_can_read_what_make_runs_first(name: str) -> None:
    tree = ast.parse((PROJECT / name).read_text(), feature_version=(3, 6))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    annotations = [argument.annotation for each in functions for argument in [*each.args.args, *each.args.kwonlyargs]]
    annotations += [each.returns for each in functions]
    assert [ast.unparse(each) for each in annotations if isinstance(each, EVALUATED)] == []
