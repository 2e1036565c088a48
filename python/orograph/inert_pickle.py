"""Reads a pickle as data: what it would call stands as a Call, and nothing of it is imported or run."""

import io
import pickle
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Name:
    """A class or function that the pickle names."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """An object: what makes it, of what, its items where it is a dict, its attributes. A persistent id is the arguments of None."""

    callee: object
    arguments: object
    items: dict = field(default_factory=dict)
    state: object = None

    def is_of(self, module: str, *names: str) -> bool:
        return isinstance(self.callee, Name) and self.callee.module == module and self.callee.name in names

    def __setitem__(self, key, value):
        self.items[key] = value

    def append(self, value):
        """A list's or a set's own elements are of no consequence here."""

    add = update = extend = append


# Python's own unpickler in Python, whose instructions can be replaced one by one.
class Reader(pickle._Unpickler):
    """Each instruction that would import, call or build makes a Name or a Call instead."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module, name):
        return Name(module, name)

    def persistent_load(self, pid):
        return Call(None, pid)

    def get_extension(self, code):
        self.append(Name("copyreg", "an extension"))

    def _instantiate(self, klass, args):  # of INST and OBJ
        self.append(Call(klass, tuple(args)))

    def load_call(self):
        arguments = self.stack.pop()
        self.stack[-1] = Call(self.stack[-1], arguments)

    def load_newobj_ex(self):
        self.stack.pop()
        self.load_call()

    def load_build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Call):
            raise pickle.UnpicklingError("attributes of what is no object")
        self.stack[-1].state = state

    dispatch[pickle.REDUCE[0]] = load_call
    dispatch[pickle.NEWOBJ[0]] = load_call
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build


def read(file: io.BufferedIOBase):
    """The value that the next pickle in the file holds. Text of Python 2 is read as Latin-1."""
    return Reader(file, encoding="latin1").load()
