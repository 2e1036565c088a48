"""The graph that torch.export makes of a model, as plain lists and dictionaries (docs/design/own-models.md)."""

import math
import operator
from dataclasses import dataclass, field

from .export_places import place_of_node
from .export_rules import RULES, refusal
from .export_values import VALUES, Unfit, UnfitAsWritten, affine, with_numbers

DROPOUTS = ("aten::dropout_", "aten::feature_dropout_", "aten::alpha_dropout_")  # in evaluation they change nothing
STATISTICS = (3, 4)  # the arguments of a batch norm that are its running mean and variance


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


def graph_of(torch, traced, model) -> Graph:
    """Unfit where the graph does what the file cannot say, or the program does not take."""
    refuse_autocast(torch, traced)
    graph = Reader(torch, traced, model).read()
    graph.nodes = needed(graph)
    check_rules(torch, graph)
    return graph


def refuse_autocast(torch, traced) -> None:
    """The functional form no longer shows it."""
    for module in traced.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            if isinstance(node.target, torch._ops.HigherOrderOperator) and node.target.name() == "wrap_with_autocast":
                device, _, enabled = node.args[:3]
                inner = next(getattr(module, argument.target) for argument in node.args if isinstance(argument, torch.fx.Node))
                first = next((part for part in inner.graph.nodes if part.op == "call_function"), node)
                if device == "cpu" and enabled:
                    raise Unfit(f"it runs under autocast{place_of_node(torch, first)}; export it without")


class Reader:
    def __init__(self, torch, traced, model):
        self.torch, self.traced, self.model, self.graph = torch, traced, model, Graph()
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
        signature = self.traced.graph_signature
        changed = [*signature.buffers_to_mutate.values(), *signature.parameters_to_mutate.values()]
        if changed:
            kind = "parameter" if changed[0] in signature.parameters else "buffer"
            raise Unfit(f"it changes its {kind} '{changed[0]}' as it evaluates")
        # Beside them may be the images, where the model changes them in place.
        results = [result for spec, result in zip(signature.output_specs, node.args[0]) if spec.kind.name == "USER_OUTPUT"]
        if len(results) != 1:
            raise Unfit(f"it gives {len(results)} tensors instead of the logits alone")
        self.graph.output = self.encode(results[0])

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
        first = next(k for k, argument in enumerate(node.args) if isinstance(argument, self.torch.fx.Node))
        inner = getattr(module, node.args[first].target)
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
        arguments = [self.encode(argument) for argument in arguments]
        if not self.is_batch_norm(node):
            arguments = [self.copied(argument, node) if k in STATISTICS else argument for k, argument in enumerate(arguments)]
        portable = with_numbers(torch, portable, arguments)
        keywords = {key: self.encode(value) for key, value in node.kwargs.items()}
        self.names[node] = self.append(node, portable, arguments, keywords, self.shapes(node))
        if target is not node.target:
            self.changed[self.origin(node.args[0])] = node

    def append(self, node, target, arguments: list, keywords: dict, shapes: list) -> str:
        """The name, which no other has, of a new node that `node` is the source of."""
        name = node.name
        while name in self.graph.sources or name == self.graph.input:
            name += "_"
        self.graph.sources[name] = node
        operator_name, overload = target._schema.name, target._schema.overload_name
        self.graph.nodes.append(
            {"name": name, "operator": operator_name, "overload": overload, "arguments": arguments, "keywords": keywords, "shapes": shapes}
        )
        return name

    def is_batch_norm(self, node) -> bool:
        """Whether it has the running statistics of one: not of an instance norm, which is written as a batch norm, nor of a frozen one, the
        weights of which are buffers."""
        aten, signature = self.torch.ops.aten, self.traced.graph_signature
        if node.target not in (aten.batch_norm.default, aten.instance_norm.default, aten._native_batch_norm_legit_no_training.default):
            return True
        weight, mean = [argument and self.tensors.get(self.origin(argument).name) for argument in (node.args[1], node.args[3])]
        if mean not in self.traced.state_dict:
            return True
        owner = self.model.get_submodule(mean.rpartition(".")[0])
        instance = node.target is aten.instance_norm.default or isinstance(owner, self.torch.nn.modules.instancenorm._InstanceNorm)
        return not instance and weight not in signature.buffers

    def copied(self, argument: dict, source) -> dict:
        """A copy of a state, which for the program is no state of the operator that reads it; what is none as it is."""
        state = self.traced.state_dict.get(argument.get("tensor"))
        if state is None:
            return argument
        shape = list(state.shape)
        return {"node": self.append(source, self.torch.ops.aten.clone.default, [argument], {}, [shape])}

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
            return aten.batch_norm.default, arguments  # with its running statistics it computes what one does
        if target in (aten.index.Tensor, aten._unsafe_index.Tensor):
            return target, (arguments[0], [self.stored_mask(index) for index in arguments[1]])
        return target, arguments

    def stored_mask(self, index):
        """The stored tensor where a mask is one, made by torch.tensor in the model's code say, since it sets a size."""
        aten, torch = self.torch.ops.aten, self.torch
        if index is None or index.meta["val"].dtype not in (torch.bool, torch.uint8):
            return index
        mask = self.latest(index)
        while mask.op == "call_function" and mask.target in (aten.lift_fresh_copy.default, aten.detach.default, aten.detach_.default):
            mask = self.origin(mask.args[0])
        if mask.name not in self.tensors:
            raise Unfit("a size depends on values, those of a computed mask; use torch.where, or keep the mask as a buffer")
        return mask

    def out_of_place(self, node):
        """The operator that gives what this one writes into its first argument, which nothing else sees but by the argument's name."""
        schema = node.target._schema
        written = [argument for argument in schema.arguments if argument.alias_info is not None and argument.alias_info.is_write]
        if not written:
            return node.target
        packet = getattr(self.torch.ops.aten, schema.name.removeprefix("aten::").removesuffix("_"), None)
        target = getattr(packet, schema.overload_name or "default", None)
        first = self.origin(node.args[0])
        owned = first.op == "call_function" or first.name == self.graph.input
        safe = owned and (first not in self.viewed or schema.name in DROPOUTS)
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
            as_complex = self.torch.ops.aten.view_as_complex.default
            self.names[node] = self.append(node, as_complex, [{"tensor": name}], {}, [list(value.shape)])
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
