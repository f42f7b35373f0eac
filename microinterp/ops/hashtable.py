"""HASHTABLE, HASHTABLE_FIND, HASHTABLE_IMPORT and HASHTABLE_SIZE: tables that outlive an invoke.

A handle is a tensor that holds the table's number. A table is filled once; later imports change nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..errors import InvokeError
from ..model.ir import Array, TensorType
from .node import HashTable, Invocation, Node, Resources, RuntimeTensor

_TYPES = ((TensorType.INT64, TensorType.STRING), (TensorType.STRING, TensorType.INT64))


def prepare_hashtable(node: Node) -> Invocation:
    """HASHTABLE: the handle of a table of strings by numbers, or of numbers by strings."""
    node.require_counts(0, 1)
    output = node.output()
    types = node.options["key_dtype"], node.options["value_dtype"]
    node.require(types in _TYPES, "keys and values must be INT64 and STRING, or the other way round")
    node.require_type(output, TensorType.RESOURCE)
    output.shape = (1,)
    return Invocation(partial(_create, node.resources, node.options["table_id"], types[0]), (output,))


def _create(resources: Resources, number: int, key_type: int, handle: Array) -> None:
    handle[...] = number
    resources.tables.setdefault(number, HashTable(TensorType(key_type)))


def prepare_hashtable_find(node: Node) -> Invocation:
    """HASHTABLE_FIND: the values of keys, or a default."""
    node.require_counts(3, 1)
    handle, keys, default, output = _handle(node), node.input(1), node.input(2), node.output()
    node.require(default.type is output.type, f"{default} must have the element type of {output}")
    _require_types(node, keys, output)
    output.shape = keys.shape
    node.require(default.size > 0, f"{default} is empty", at_invoke=True)
    return Invocation(partial(_find, node.resources, keys.type), (handle, keys, default, output))


def _find(
    resources: Resources, key_type: TensorType, handle: Array, keys: Array, default: Array, output: Array
) -> None:
    table = _table(resources, handle, key_type)
    if table.values is None:
        raise InvokeError("the hash table is used before it is filled")
    nothing = default.flat[0]
    output.reshape(-1)[:] = [table.values.get(key, nothing) for key in keys.ravel().tolist()]


def prepare_hashtable_import(node: Node) -> Invocation:
    """HASHTABLE_IMPORT: fills a table, the first time."""
    node.require_counts(3, 0)
    handle, keys, values = _handle(node), node.input(1), node.input(2)
    _require_types(node, keys, values)
    node.require(keys.shape == values.shape, f"{values} must have the shape of {keys}")
    return Invocation(partial(_import, node.resources, keys.type), (handle, keys, values))


def _import(resources: Resources, key_type: TensorType, handle: Array, keys: Array, values: Array) -> None:
    table = _table(resources, handle, key_type)
    if table.values is None:
        pairs: list[tuple[Any, Any]] = list(zip(keys.ravel().tolist(), values.ravel().tolist(), strict=True))
        table.values = dict(reversed(pairs))  # the first of equal keys counts


def prepare_hashtable_size(node: Node) -> Invocation:
    """HASHTABLE_SIZE: the number of keys."""
    node.require_counts(1, 1)
    handle, output = _handle(node), node.output()
    node.require_type(output, TensorType.INT64)
    output.shape = (1,)
    return Invocation(partial(_size, node.resources), (handle, output))


def _size(resources: Resources, handle: Array, output: Array) -> None:
    output[...] = len(_table(resources, handle).values or ())


def _handle(node: Node) -> RuntimeTensor:
    handle = node.input(0)
    node.require_type(handle, TensorType.RESOURCE)
    node.require(handle.shape == (1,), f"{handle} must have one element")
    return handle


def _require_types(node: Node, keys: RuntimeTensor, values: RuntimeTensor) -> None:
    node.require(
        (keys.type, values.type) in _TYPES, f"{keys} and {values} must be INT64 and STRING, in any order"
    )


def _table(resources: Resources, handle: Array, key_type: TensorType | None = None) -> HashTable:
    table = resources.tables.get(int(handle.flat[0]))
    if table is None:
        raise InvokeError("there is no such hash table")
    if key_type not in (table.key_type, None):
        raise InvokeError(f"the hash table has keys of type {table.key_type.name}")
    return table
