"""Numbers and sizes as an exported graph has them, and why one cannot be written."""

VALUES = ("u", "zuf")  # what torch.export calls sizes and numbers that depend on values
AFFINE_HELP = "only a multiple of the batch size, plus a constant, can be written"


class Unfit(Exception):
    """Why a graph cannot be written, in words."""


class UnfitAsWritten(Unfit):
    """The same of a graph whose functional form may do."""


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


def with_numbers(torch, target, arguments: list):
    """The overload that takes numbers where `target` takes tensors, for what the program makes no tensors of: the batch's size, True."""

    def is_number(value):
        return isinstance(value, bool) or (isinstance(value, dict) and not {"node", "tensor"} & set(value))

    def kinds(overload):
        return [(argument.name, str(argument.type)) for argument in overload._schema.arguments]

    ours = kinds(target)
    wanted = [(name, "number") if kind == "Tensor" and is_number(value) else (name, kind) for (name, kind), value in zip(ours, arguments)]
    wanted += ours[len(arguments) :]
    if wanted == ours:
        return target
    packet = target.overloadpacket
    fitting = [overload for name in packet.overloads() if kinds(overload := getattr(packet, name)) == wanted]
    if not fitting:
        raise Unfit(f"{target._schema.name} takes a tensor where a number is; make it one, as x.new_full((), NUMBER) does")
    return fitting[0]
