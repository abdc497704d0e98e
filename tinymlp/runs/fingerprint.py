"""Which code numbers come from: a hash of this package, and one of a function that somebody else wrote."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from dis import get_instructions
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

__all__ = ["CODE", "code_of", "fingerprint"]


def code_of(folder: Path) -> str:
    """A hash of every module there and of NumPy's version: results with another hash come from other code."""
    sources = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".cu")]
    return sha256(b"\0".join([*sources, np.__version__.encode()])).hexdigest()


CODE = code_of(Path(__file__).parent.parent)  # as it was when it was loaded


def fingerprint(value: object) -> str:
    """A hash of a function, or of a value made of numbers, words, arrays, lists, dicts, dataclasses and functions.

    Of a function its bytecode and its defaults count, and the functions, classes and values of its own module that it
    uses, and those that they use. So what it does may not change, but comments, and all that it does not use, may. What
    it uses of other modules counts by its name. Another minor version of Python has another bytecode.
    """
    return sha256(repr(_describe(value, None, set())).encode()).hexdigest()


def _describe(value: Any, home: str | None, seen: set[int]) -> object:
    """Lists of words, the same in every process. Functions and classes of the module home are told in full, once."""
    match value:
        case np.ndarray():
            return ["array", value.dtype.str, value.shape, sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
        case np.generic():
            return [value.dtype.str, value.tobytes().hex()]
        case None | bool() | int() | float() | complex() | str() | bytes():
            return [type(value).__name__, repr(value)]
        case list() | tuple():
            return [type(value).__name__, *(_describe(v, home, seen) for v in value)]
        case set() | frozenset():  # their order differs from process to process
            return ["set", *sorted(repr(_describe(v, home, seen)) for v in value)]
        case Mapping():
            return ["dict", *([_describe(k, home, seen), _describe(v, home, seen)] for k, v in value.items())]
        case CodeType():
            return [value.co_code.hex(), value.co_names, *(_describe(v, home, seen) for v in value.co_consts)]
        case FunctionType() if home in (None, value.__module__) and id(value) not in seen:
            seen.add(id(value))
            return _describe_function(value, seen)
        case type() if home == value.__module__ and id(value) not in seen:
            seen.add(id(value))
            return _describe_class(value, seen)
        case partial():
            return ["partial", *(_describe(v, home, seen) for v in (value.func, value.args, value.keywords))]
        case property():
            return ["property", *(_describe(v, home, seen) for v in (value.fget, value.fset))]
        case ModuleType():
            return value.__name__
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *([f.name, _describe(getattr(value, f.name), home, seen)] for f in fields(value))]
    if hasattr(value, "__wrapped__") and not isinstance(value, FunctionType):  # such as by functools.cache
        return _describe(value.__wrapped__, home, seen)
    return [type(value).__name__, getattr(value, "__qualname__", "")]  # of anything else its type and its name


def _describe_function(function: FunctionType, seen: set[int]) -> object:
    known = function.__globals__
    used = {name: known[name] for name in sorted(_names(function.__code__)) if name in known}
    cells = [cell.cell_contents for cell in function.__closure__ or () if cell != CellType()]  # but empty ones
    parts = (function.__code__, function.__defaults__, function.__kwdefaults__, cells, used)
    return ["function", *(_describe(part, function.__module__, seen) for part in parts)]


def _describe_class(kind: type, seen: set[int]) -> object:
    told = {k: v for k, v in vars(kind).items() if isinstance(v, FunctionType) or not k.startswith("__")}
    return ["class", kind.__name__, *(_describe(part, kind.__module__, seen) for part in (kind.__bases__, told))]


def _names(code: CodeType) -> set[str]:
    """The names of globals that code and the functions written inside it use."""
    mine = {i.argval for i in get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return mine.union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))
