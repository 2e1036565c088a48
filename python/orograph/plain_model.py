"""A user's model as torch.export takes it: without wrappers, in evaluation, float32, on the CPU."""

import copy

from .errors import ExitCode, OrographError
from .export_places import one_line


def plain_copy(torch, model):
    """A copy of the module that a checkpoint of it belongs to. Its parameters and buffers have the names of its state_dict."""
    if not isinstance(model, torch.nn.Module):
        raise OrographError(ExitCode.USAGE, f"export needs a torch.nn.Module, not {type(model).__name__}")
    scripted = [name for name, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    if scripted:
        where = f" in place of '{scripted[0]}'" if scripted[0] else ""
        reason = "torch.export takes no TorchScript"
        raise OrographError(ExitCode.USAGE, f"export needs the Python module that a ScriptModule was made of{where}: {reason}")
    model = unwrapped(torch, model)
    try:
        copied = copy.deepcopy(model, without_history(torch, model)).cpu().float().eval().requires_grad_(False)
    except Exception as error:
        raise OrographError(ExitCode.DATA, f"{type(model).__name__} cannot be copied: {one_line(error)}") from error
    for module in list(copied.modules()):
        for name, child in module.named_children():
            setattr(module, name, unwrapped(torch, child))
        hide_computed(torch, module)
    return copied


def unwrapped(torch, model):
    """The module inside of those that only run it in another way, as torch.compile's and DataParallel's do; checkpoints lose their prefixes."""
    inner = {"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}
    kinds = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel, torch.optim.swa_utils.AveragedModel)
    while True:
        found = inner.intersection(model._modules)
        if isinstance(model, kinds):
            model = model.module
        elif found:
            model = model._modules[found.pop()]
        else:
            return model


def without_history(torch, model) -> dict:
    """deepcopy's memo in which tensors that a forward pass left in the modules, which it refuses, are there without their history."""

    def computed(value):
        if isinstance(value, torch.Tensor):
            return [] if value.is_leaf else [value]
        items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
        return [tensor for item in items for tensor in computed(item)]

    return {id(tensor): tensor.detach().clone() for module in model.modules() for tensor in computed(vars(module))}


def hide_computed(torch, module) -> None:
    """What hooks compute before each forward pass and leave in the module (torch.nn.utils.weight_norm, spectral_norm and prune of old) is
    kept where torch.export does not see it change, which it refuses: as a property of a class of the module's own."""
    kept = {name: value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
    if not kept or not module._forward_pre_hooks:
        return

    def hidden(name):
        return property(lambda self: kept[name], lambda self, value: kept.update({name: value}))

    for name in kept:
        delattr(module, name)
    kind = type(module)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    module.__class__ = type(kind.__name__, (kind,), names | {name: hidden(name) for name in kept})
