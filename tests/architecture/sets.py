"""Where a module walks over a set, whose order changes from one process to the next.

A set may be asked and may be sorted. It may not be listed: the hash of a
string is salted, so two runs of one seed would part ways.
"""

import ast
from collections.abc import Iterator

# What does not care in which order it is fed.
ORDERLESS = frozenset({"sorted", "set", "frozenset", "len", "min", "max", "any", "all", "bool"})
# What lists its argument, and so lays its order bare.
LISTING = frozenset(
    {"list", "tuple", "dict", "iter", "enumerate", "zip", "map", "filter", "sum", "reversed"}
)
LISTING_METHODS = frozenset({"join", "extend", "fromkeys", "from_iterable", "fromiter"})
SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
SET_TYPES = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet"})
SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)


def walks_over_sets(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and description of every place that lists a set.

    Known as sets are displays, comprehensions, `set(...)` and `frozenset(...)`,
    their algebra, what is assigned from them or annotated as one in the same
    function, and attributes that this module annotates as one.
    """
    attributes = frozenset(
        target.id
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation)
        for target in [node.target]
        if isinstance(target, ast.Name)
    )
    excused = frozenset(id(fed) for node in ast.walk(tree) for fed in _unseen(node))
    constants = _set_names(tree, attributes, frozenset())
    for scope in _scopes(tree):
        names = _set_names(scope, attributes, constants)
        for node in _own(scope):
            for fed in () if id(node) in excused else _listed(node):
                if _is_set(fed, names, attributes):
                    yield fed.lineno, f"order of {ast.unparse(fed)}"


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the module and every function in it."""
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, without those of functions inside it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
        elif not isinstance(node, ast.Lambda):
            waiting.extend(node.decorator_list)


def _set_names(
    scope: ast.AST, attributes: frozenset[str], inherited: frozenset[str]
) -> frozenset[str]:
    """Return the variables that hold a set in a scope and never anything else."""
    sets: set[str] = set(inherited)
    others: set[str] = set()
    if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        arguments = scope.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            (sets if _is_set_type(argument.annotation) else others).add(argument.arg)
    for node in sorted(_own(scope), key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            (sets if _is_set_type(node.annotation) else others).add(node.target.id)
        elif isinstance(node, ast.Assign):
            known = _is_set(node.value, frozenset(sets), attributes)
            for target in node.targets:
                if isinstance(target, ast.Name):
                    (sets if known else others).add(target.id)
    return frozenset(sets - others)


def _is_set_type(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation says set; a union with None still does."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.BinOp):
        return _is_set_type(annotation.left) or _is_set_type(annotation.right)
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = annotation.attr if isinstance(annotation, ast.Attribute) else None
    name = annotation.id if isinstance(annotation, ast.Name) else name
    return name in SET_TYPES


def _is_set(node: ast.expr, names: frozenset[str], attributes: frozenset[str]) -> bool:
    """Tell whether an expression is a set, as far as this module shows."""

    def known(part: ast.expr) -> bool:
        return _is_set(part, names, attributes)

    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=name):
            return name in attributes
        case ast.Call(func=ast.Attribute(value=base, attr=name)):
            return known(base) and name in {*SET_METHODS, "copy"}
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, SET_OPERATORS):
            return any(known(side) or _is_keys(side) for side in (left, right))
        case ast.IfExp(body=body, orelse=orelse):
            return known(body) or known(orelse)
        case ast.NamedExpr(value=value):
            return known(value)
        case _:
            return False


def _is_keys(node: ast.expr) -> bool:
    """Tell whether an expression is a view of keys, whose algebra yields sets."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "keys"
    )


def _listed(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that a node lists in their own order."""
    match node:
        case ast.For(iter=fed) | ast.AsyncFor(iter=fed):
            yield fed
        case ast.ListComp() | ast.DictComp() | ast.GeneratorExp():
            yield from (generator.iter for generator in node.generators)
        case ast.Starred(value=fed) | ast.YieldFrom(value=fed):
            yield fed
        case ast.Assign(targets=[ast.Tuple() | ast.List(), *_], value=fed):
            yield fed
        case ast.Call(func=ast.Name(id=name), args=args) if name in LISTING:
            yield from args
        case ast.Call(func=ast.Attribute(attr=name), args=args) if name in LISTING_METHODS:
            yield from args
        case ast.Call(func=ast.Attribute(value=fed, attr="pop"), args=[]):
            yield fed


def _unseen(node: ast.AST) -> Iterator[ast.expr]:
    """Yield generators and unpackings whose order nobody will see, as in `sorted(… for …)`."""
    fed: list[ast.expr] = []
    match node:
        case ast.Call(func=ast.Name(id=name), args=args) if name in ORDERLESS:
            fed = args
        case ast.Set(elts=elements):
            fed = elements
    yield from (part for part in fed if isinstance(part, (ast.GeneratorExp, ast.Starred)))
