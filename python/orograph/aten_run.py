"""Runs an exported graph in Python, as the program does: to see before it is written that it is the model."""

from .aten import Graph
from .export_rules import operator_of
from .export_values import Unfit


def in_run_type(torch, result, dtype):
    """What operators give that were told no type: float32 is the type in which the network runs."""
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    return [part.to(dtype) if part.dtype == torch.float32 else part for part in results]


def evaluate_graph(torch, graph: Graph, tensors: dict, images):
    """The logits, and the shapes of all results by node; `tensors` by name, float32 ones in the type of `images`."""
    results = {graph.input: [images]}
    types = {"float32": images.dtype, "complex64": torch.complex128 if images.dtype == torch.float64 else torch.complex64}

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
        return types[word] if word in types else getattr(torch, word)

    for node in graph.nodes:
        keywords = {key: decode(value) for key, value in node["keywords"].items()}
        result = operator_of(torch, node)(*decode(node["arguments"]), **keywords)
        results[node["name"]] = in_run_type(torch, result, images.dtype)
    shapes = {node["name"]: [list(part.shape) for part in results[node["name"]]] for node in graph.nodes}
    return decode(graph.output).to(images.dtype), shapes


def settle_shapes(graph: Graph, found: dict) -> None:
    """Makes the graph's shapes those that its nodes gave for two batches, {batch: {node: shapes}}: torch.export is wrong about LSTM's."""
    (first, shapes), (second, others) = found.items()

    def size_at(size, batch):
        return size["batch"][0] * batch + size["batch"][1] if isinstance(size, dict) else size

    def fitted(one, other):
        factor, rest = divmod(one - other, first - second)
        return None if rest else {"batch": [factor, one - factor * first]} if factor else one

    for node in graph.nodes:
        ours, theirs = shapes[node["name"]], others[node["name"]]
        for batch, wanted in ((first, ours), (second, theirs)):
            if [[size_at(size, batch) for size in shape] for shape in node["shapes"]] != wanted:
                node["shapes"] = [[fitted(*sizes) for sizes in zip(*pair)] for pair in zip(ours, theirs)]
        if [len(shape) for shape in ours] != [len(shape) for shape in theirs] or any(None in shape for shape in node["shapes"]):
            raise Unfit(f"{node['name']} gives {ours} for a batch of {first} and {theirs} for one of {second}; does it depend on values?")
