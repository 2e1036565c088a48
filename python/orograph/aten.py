"""The graph that torch.export makes of a model, as plain lists and dictionaries (docs/design/own-models.md)."""

import math
import operator
from dataclasses import dataclass, field

from .export_places import place_of_node
from .export_rules import RULES, refusal


DROPOUTS = ("aten::dropout_", "aten::feature_dropout_", "aten::alpha_dropout_")  # in evaluation they change nothing


class Unfit(Exception):
    """Why a graph cannot be written, in words."""


class UnfitAsWritten(Unfit):
    """The same of a graph whose functional form may do."""


@dataclass
class Graph:
    """`nodes` in the order in which they run; `output` refers to the logits; `sources`: the nodes of torch.export by the names of ours."""

    input: str = ""
    output: dict = field(default_factory=dict)
    nodes: list = field(default_factory=list)
    sources: dict = field(default_factory=dict)


def functional(traced):
    """The same program without operators that work in place, nor those that the functional form does not have, such as dropout."""
    return traced.run_decompositions({})


def graph_of(torch, traced) -> Graph:
    """Unfit where the graph does what the file cannot say, or the program does not take."""
    graph = Reader(torch, traced).read()
    graph.nodes = needed(graph)
    check_rules(torch, graph)
    return graph


class Reader:
    def __init__(self, torch, traced):
        self.torch, self.traced, self.graph = torch, traced, Graph()
        signature = traced.graph_signature
        self.tensors = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        self.same = {}  # a node -> the one whose value it has
        self.parts = {}  # a node that calls another graph -> the nodes that give its results
        self.changed = {}  # a node whose value an operator changed in place -> the node that has the new one
        self.viewed = set()  # nodes that others may be views of
        self.names = {}  # of nodes, no two the same

    def read(self) -> Graph:
        for node in self.traced.graph.nodes:
            if node.op == "placeholder" and node.name not in self.tensors:
                self.graph.input = self.names[node] = node.name
            elif node.op == "output":
                self.finish(node)
            else:
                self.visit(node, self.traced.graph_module)
        return self.graph

    def finish(self, node) -> None:
        changed = list(self.traced.graph_signature.buffers_to_mutate.values())
        if changed:
            raise Unfit(f"it changes its buffer '{changed[0]}' as it evaluates")
        if len(node.args[0]) != 1:
            raise Unfit(f"it gives {len(node.args[0])} tensors instead of the logits alone")
        self.graph.output = self.encode(node.args[0][0])

    def visit(self, node, module) -> None:
        """`module`: the graph's, which holds the graphs that it calls."""
        try:
            if node.op == "call_function" and isinstance(node.target, self.torch._ops.HigherOrderOperator):
                self.inline(node, module)
            elif node.op == "call_function":
                self.add(node)
            elif node.op not in ("placeholder", "get_attr"):
                raise Unfit(f"it holds a {node.op}")
        except Unfit as fault:
            raise type(fault)(f"{fault} ({node.name}{place_of_node(self.torch, node)})") from None

    def inline(self, node, module) -> None:
        """A part of the model that runs under torch.no_grad, or without autocast."""
        name = node.target.name()
        if name not in ("wrap_with_set_grad_enabled", "wrap_with_autocast"):
            raise Unfit(f"it calls {name}, which is no operator of ATen")
        settings = [argument for argument in node.args if not isinstance(argument, self.torch.fx.Node)]
        first = next(k for k, argument in enumerate(node.args) if isinstance(argument, self.torch.fx.Node))
        inner = getattr(module, node.args[first].target)
        if name == "wrap_with_autocast" and settings[0] == "cpu" and settings[2]:
            first_part = next(part for part in inner.graph.nodes if part.op == "call_function")
            raise Unfit(f"it runs under autocast{place_of_node(self.torch, first_part)}; export it without")
        arguments = iter(node.args[first + 1 :])
        for part in inner.graph.nodes:
            if part.op == "placeholder":
                self.same[part] = next(arguments)
            elif part.op == "output":
                results = part.args[0]
                self.parts[node] = list(results) if isinstance(results, (list, tuple)) else [results]
            else:
                self.visit(part, inner)

    def add(self, node) -> None:
        torch = self.torch
        value = node.meta.get("val")
        if node.target is operator.getitem or isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool, int, float)):
            return  # sizes are written where they are used; so are the parts of a result
        if not isinstance(node.target, torch._ops.OpOverload):
            raise UnfitAsWritten(f"it calls {getattr(node.target, '__name__', node.target)}, which is no operator of ATen")
        if node.target.namespace != "aten":
            raise Unfit(f"it calls {node.target}, which is no operator of ATen but of {node.target.namespace}")
        if not node.target._schema.returns and not node.target._schema.is_mutable:
            return  # a check of what is already known to be so
        if self.changes_nothing(node):
            self.same[node] = self.latest(node.args[0])
            self.note_views(node, node.target)
            return
        target = self.out_of_place(node)
        self.note_views(node, target)
        portable, arguments = self.portable(target, node.args)
        name = self.name_of(node)
        self.graph.sources[name] = node
        self.graph.nodes.append(
            {
                "name": name,
                "operator": portable._schema.name,
                "overload": portable._schema.overload_name,
                "arguments": [self.encode(argument) for argument in arguments],
                "keywords": {key: self.encode(value) for key, value in node.kwargs.items()},
                "shapes": self.shapes(node),
            }
        )
        if target is not node.target:
            self.changed[self.origin(node.args[0])] = node

    def name_of(self, node) -> str:
        taken, name = set(self.names.values()), node.name
        while name in taken:
            name += "_"
        self.names[node] = name
        return name

    def changes_nothing(self, node) -> bool:
        """Whether it is a cast or a move to what the tensor is already, which stays true in whatever type the network runs."""
        aten, torch = self.torch.ops.aten, self.torch
        if node.target.overloadpacket not in (aten.to, aten._to_copy, aten.type_as):
            return False
        before, after = node.args[0].meta["val"], node.meta["val"]
        return before.dtype == after.dtype and before.layout == after.layout == torch.strided

    def portable(self, target, arguments):
        """The same for operators that need their argument's memory to be as it was here, have no derivative, or write what they need not."""
        aten = self.torch.ops.aten
        if target in (aten.view.default, aten._unsafe_view.default):
            return aten.reshape.default, arguments
        if target is aten.copy.default and arguments[0].meta["val"].dtype == arguments[1].meta["val"].dtype:
            return aten.expand_as.default, (arguments[1], arguments[0])
        if target is aten.instance_norm.default and arguments[3] is not None and arguments[5] is False:
            return aten.batch_norm.default, arguments  # with its running statistics it is one
        return target, arguments

    def out_of_place(self, node):
        """The operator that gives what this one writes into its first argument, which nothing else sees but by the argument's name."""
        schema = node.target._schema
        written = [argument for argument in schema.arguments if argument.alias_info is not None and argument.alias_info.is_write]
        if not written:
            return node.target
        packet = getattr(self.torch.ops.aten, schema.name.removeprefix("aten::").removesuffix("_"), None)
        target = getattr(packet, schema.overload_name or "default", None)
        first = self.origin(node.args[0])
        safe = first.op == "call_function" and (first not in self.viewed or schema.name in DROPOUTS)
        if len(written) != 1 or not schema.name.endswith("_") or target is None or not safe:
            raise UnfitAsWritten(f"{schema.name} works in place on what others may see")
        return target

    def note_views(self, node, target) -> None:
        if any(result.alias_info is not None for result in target._schema.returns):
            self.viewed.add(node)
            self.viewed.update(self.origin(argument) for argument in node.all_input_nodes)

    def shapes(self, node) -> list:
        value = node.meta["val"]
        values = value if isinstance(value, (list, tuple)) else [value]
        return [[affine(self.torch, size) for size in part.shape] for part in values]

    def encode(self, value):
        torch = self.torch
        if isinstance(value, torch.fx.Node):
            return self.reference(value)
        if isinstance(value, (list, tuple)):
            return [self.encode(item) for item in value]
        if isinstance(value, torch.SymFloat):
            if value.node.expr.is_number:
                return float(value)
            by_values = any(str(symbol).startswith(VALUES) for symbol in value.node.expr.free_symbols)
            raise Unfit("a number is taken out of a tensor; compute with the tensor" if by_values else "a number depends on the batch's size")
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": str(value)}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.SymInt):
            return affine(torch, value)
        for kind, key in ((torch.dtype, "dtype"), (torch.memory_format, "memory_format"), (torch.layout, "layout")):
            if isinstance(value, kind):
                return {key: str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"device": "any"}
        raise Unfit(f"it has an argument of type {type(value).__name__}, {value}")

    def reference(self, node) -> dict:
        value = node.meta.get("val")
        if isinstance(value, (self.torch.SymInt, self.torch.SymFloat, int, float)):
            return self.encode(value)
        node = self.latest(node)
        if not isinstance(node, self.torch.fx.Node):
            return self.encode(node)
        if node.op == "placeholder" and node.name in self.tensors:
            return self.tensor(node)
        if node.target is operator.getitem:
            return {"node": self.names[self.latest(node.args[0])], "output": node.args[1]}
        return {"node": self.names[node]}

    def tensor(self, node) -> dict:
        """Complex constants are in the file as pairs of numbers."""
        name, value = self.tensors[node.name], node.meta["val"]
        if not value.dtype.is_complex:
            return {"tensor": name}
        if name in self.traced.state_dict:
            raise Unfit(f"'{name}' is complex; keep it as real numbers, and use torch.view_as_complex")
        if node not in self.names:
            self.graph.nodes.append(
                {
                    "name": self.name_of(node),
                    "operator": "aten::view_as_complex",
                    "overload": "",
                    "arguments": [{"tensor": name}],
                    "keywords": {},
                    "shapes": [list(value.shape)],
                }
            )
            self.graph.sources[self.names[node]] = node
        return {"node": self.names[node]}

    def origin(self, node):
        """The node whose name others know a value by: casts that change nothing, and parts of inner graphs, left out."""
        while isinstance(node, self.torch.fx.Node):
            if node in self.same:
                node = self.same[node]
            elif node.target is operator.getitem and node.args[0] in self.parts:
                node = self.parts[node.args[0]][node.args[1]]
            else:
                break
        return node

    def latest(self, node):
        """The node that has a value now."""
        node = self.origin(node)
        while node in self.changed:
            node = self.origin(self.changed[node])
        return node


def needed(graph: Graph) -> list:
    """The nodes on which the logits depend."""
    wanted, kept = set(names_in(graph.output, "node")), []
    for node in reversed(graph.nodes):
        if node["name"] in wanted:
            wanted.update(names_in([node["arguments"], node["keywords"]], "node"))
            kept.append(node)
    return kept[::-1]


def names_in(value, key: str):
    """Every NAME in {key: NAME} that a value holds."""
    if isinstance(value, dict) and key in value:
        yield value[key]
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from names_in(item, key)


def check_rules(torch, graph: Graph) -> None:
    if len(graph.nodes) > RULES["most_nodes"]:
        raise Unfit(f"it has {len(graph.nodes)} operators, more than {RULES['most_nodes']}")
    varying = {graph.input}
    for node in graph.nodes:
        inputs = [node["arguments"], node["keywords"]]
        varies = not varying.isdisjoint(names_in(inputs, "node")) or any(True for _ in names_in(inputs, "batch"))
        if varies:
            varying.add(node["name"])
        if reason := refusal(torch, node, varies):
            source = graph.sources[node["name"]]
            raise Unfit(f"{node['operator']} is not run by the program: {reason} ({node['name']}{place_of_node(torch, source)})")


VALUES = ("u", "zuf")  # what torch.export calls sizes and numbers that depend on values
AFFINE_HELP = "only a multiple of the batch size, plus a constant, can be written"


def affine(torch, size):
    """A size that may depend on the batch's: a number, or {"batch": [a, b]} for a * B + b."""
    if not isinstance(size, torch.SymInt) or size.node.expr.is_number:
        return int(size)
    expression = size.node.expr
    symbols = list(expression.free_symbols)
    if any(str(symbol).startswith(VALUES) for symbol in symbols):
        raise Unfit("a size depends on values")
    offset = expression.subs({symbol: 0 for symbol in symbols})
    if len(symbols) != 1 or not (expression - offset).subs(symbols[0], 1).is_integer or (expression - offset).diff(symbols[0]).free_symbols:
        raise Unfit(f"a size depends on the batch's as {expression}: {AFFINE_HELP}")
    return {"batch": [int(expression.diff(symbols[0])), int(offset)]}
