"""Spell a Python expression of an example in R: calls, lists, numbers and functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

_OPERATORS = {ast.Mult: "*", ast.Add: "+", ast.Sub: "-", ast.Div: "/"}


def in_r(expression: str) -> str:
    """Return the expression as R has it.

    Raises:
        NotImplementedError: If it holds something that no example needed so far.
    """
    return _spelled(ast.parse(expression, mode="eval").body)


def _spelled(node: ast.expr) -> str:
    spell = _SPELLINGS.get(type(node))
    if spell is None:
        raise NotImplementedError(ast.unparse(node))
    return spell(node)


def _call(node: ast.Call) -> str:
    by_name = [f"{keyword.arg} = {_spelled(keyword.value)}" for keyword in node.keywords]
    return f"{_spelled(node.func)}({', '.join([*map(_spelled, node.args), *by_name])})"


def _dict(node: ast.Dict) -> str:
    names = [ast.literal_eval(key) for key in node.keys if key]
    pairs = zip(names, map(_spelled, node.values), strict=True)
    return f"list({', '.join(f'{name} = {value}' for name, value in pairs)})"


def _lambda(node: ast.Lambda) -> str:
    return f"function({', '.join(each.arg for each in node.args.args)}) {_spelled(node.body)}"


def _operation(node: ast.BinOp) -> str:
    return f"{_spelled(node.left)} {_OPERATORS[type(node.op)]} {_spelled(node.right)}"


def _constant(node: ast.Constant) -> str:
    if isinstance(node.value, str):
        return f'"{node.value}"'
    # R's numbers are whole by their value.
    return format(node.value, ".10g")


def _list(node: ast.List) -> str:
    """Numbers are a vector, rows of numbers a matrix, and all else is a list."""
    kinds = {type(item) for item in node.elts}
    function = "list"
    if kinds <= {ast.Constant, ast.UnaryOp}:
        function = "c"
    elif kinds == {ast.List}:
        function = "rbind"
    return f"{function}({', '.join(map(_spelled, node.elts))})"


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    ast.Name: lambda node: node.id,
    ast.Attribute: lambda node: f"{_spelled(node.value)}${node.attr}",
    ast.UnaryOp: lambda node: f"-{_spelled(node.operand)}",
    ast.BinOp: _operation,
    ast.Constant: _constant,
    ast.List: _list,
    ast.Dict: _dict,
    ast.Lambda: _lambda,
    ast.Call: _call,
}
