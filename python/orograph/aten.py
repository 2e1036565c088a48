"""The graph that torch.export makes of a model, as plain lists and dictionaries (docs/design/own-models.md)."""

import math
import operator
from dataclasses import dataclass, field


class Unfit(Exception):
    """Why a graph cannot be written, in words."""


@dataclass
class Graph:
    """`nodes` in the order in which they run; `output` names the one that gives the logits."""

    input: str = ""
    output: dict = field(default_factory=dict)
    nodes: list = field(default_factory=list)


def functional(traced):
    """The same program without operators that work in place, nor those that the functional form does not have, such as dropout."""
    return traced.run_decompositions({})


def graph_of(torch, traced) -> Graph:
    """Unfit where the graph does what the file cannot say."""
    return Reader(torch, traced).read()


class Reader:
    def __init__(self, torch, traced):
        self.torch, self.traced, self.graph = torch, traced, Graph()
        signature = traced.graph_signature
        self.tensors = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        self.changed = {}  # a node whose value an operator changed in place -> the node that has the new one
        self.viewed = set()  # nodes that others may be views of

    def read(self) -> Graph:
        for node in self.traced.graph.nodes:
            if node.op == "placeholder" and node.name not in self.tensors:
                self.graph.input = node.name
            elif node.op == "call_function":
                self.add(node)
            elif node.op == "output":
                self.finish(node)
            elif node.op != "placeholder":
                raise Unfit(f"it holds a {node.op}, {node.name}")
        return self.graph

    def finish(self, node) -> None:
        if self.traced.graph_signature.buffers_to_mutate or len(node.args[0]) != 1:
            raise Unfit("it changes its buffers as it evaluates, or gives more than the logits")
        self.graph.output = self.encode(node.args[0][0])

    def add(self, node) -> None:
        torch = self.torch
        if isinstance(node.meta.get("val"), (torch.SymInt, int)) or node.target is operator.getitem:
            return  # sizes are written where they are used; so are the parts of a result
        if not isinstance(node.target, torch._ops.OpOverload):
            raise Unfit(f"it calls {node.target}, which is no operator of ATen")
        if node.target.namespace != "aten":
            raise Unfit(f"it calls {node.target}, which is no operator of ATen but of {node.target.namespace}")
        target = self.out_of_place(node)
        self.note_views(node, target)
        portable, arguments = self.portable(target, node.args)
        self.graph.nodes.append(
            {
                "name": node.name,
                "operator": portable._schema.name,
                "overload": portable._schema.overload_name,
                "arguments": [self.encode(argument) for argument in arguments],
                "keywords": {key: self.encode(value) for key, value in node.kwargs.items()},
                "shapes": self.shapes(node),
            }
        )
        if target is not node.target:
            self.changed[node.args[0].name] = node

    def portable(self, target, arguments):
        """The same for operators that need their argument's memory to be as it was here, or have no derivative."""
        aten = self.torch.ops.aten
        if target in (aten.view.default, aten._unsafe_view.default):
            return aten.reshape.default, arguments
        if target is aten.copy.default and arguments[0].meta["val"].dtype == arguments[1].meta["val"].dtype:
            return aten.expand_as.default, (arguments[1], arguments[0])
        return target, arguments

    def out_of_place(self, node):
        """The operator that gives what this one writes into its first argument, which nothing else sees but by the argument's name."""
        schema = node.target._schema
        written = [argument for argument in schema.arguments if argument.alias_info is not None and argument.alias_info.is_write]
        if not written:
            return node.target
        packet = getattr(self.torch.ops.aten, schema.name.removeprefix("aten::").removesuffix("_"), None)
        target = getattr(packet, schema.overload_name or "default", None)
        first = node.args[0]
        if len(written) != 1 or not schema.name.endswith("_") or target is None or first.op != "call_function" or first.name in self.viewed:
            raise Unfit(f"{node.name} ({schema.name}) works in place on what others may see")
        return target

    def note_views(self, node, target) -> None:
        if any(result.alias_info is not None for result in target._schema.returns):
            self.viewed.add(node.name)
            self.viewed.update(argument.name for argument in node.all_input_nodes)

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
        if node.name in self.tensors:
            return {"tensor": self.tensors[node.name]}
        value = node.meta.get("val")
        if isinstance(value, (self.torch.SymInt, int)):
            return affine(self.torch, value)
        if node.target is operator.getitem:
            return {"node": self.latest(node.args[0]).name, "output": node.args[1]}
        return {"node": self.latest(node).name}

    def latest(self, node):
        while node.name in self.changed:
            node = self.changed[node.name]
        return node


AFFINE_HELP = "only a multiple of the batch size, plus a constant, can be written"


def affine(torch, size):
    """A size that may depend on the batch's: a number, or {"batch": [a, b]} for a * B + b."""
    if not isinstance(size, torch.SymInt) or size.node.expr.is_number:
        return int(size)
    expression = size.node.expr
    symbols = list(expression.free_symbols)
    offset = expression.subs({symbol: 0 for symbol in symbols})
    if len(symbols) != 1 or not (expression - offset).subs(symbols[0], 1).is_integer or (expression - offset).diff(symbols[0]).free_symbols:
        raise Unfit(f"a size depends on the batch's as {expression}: {AFFINE_HELP}")
    return {"batch": [int(expression.diff(symbols[0])), int(offset)]}


def evaluate_graph(torch, graph: Graph, tensors: dict, images):
    """Runs a graph operator by operator; `tensors` by name, float ones in the type of `images`."""
    results = {graph.input: [images]}

    def decode(value):
        if isinstance(value, list):
            return [decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        (key, word), *rest = value.items()
        if key == "node":
            return results[word][rest[0][1] if rest else 0]
        if key == "tensor":
            return tensors[word]
        if key == "batch":
            return word[0] * images.size(0) + word[1]
        if key == "float":
            return float(word)
        if key == "device":
            return images.device
        return images.dtype if word == "float32" else getattr(torch, word)

    for node in graph.nodes:
        target = getattr(getattr(torch.ops.aten, node["operator"].removeprefix("aten::")), node["overload"] or "default")
        keywords = {key: decode(value) for key, value in node["keywords"].items()}
        result = target(*decode(node["arguments"]), **keywords)
        results[node["name"]] = list(result) if isinstance(result, (list, tuple)) else [result]
        found, wanted = [list(part.shape) for part in results[node["name"]]], decode(node["shapes"])
        if found != wanted:
            raise Unfit(f"{node['name']} gives {found} for a batch of {images.size(0)} where {wanted} is expected")
    return decode(graph.output)
