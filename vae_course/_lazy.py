"""Names that are loaded when they are first used, so that importing a folder costs next to nothing."""

from collections.abc import Mapping
from importlib import import_module


def lazily(package: str, modules: Mapping[str, str]):
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package (its ``__name__``) whose names lie in its
    modules: for each module, relative to the package, the names it gives, separated by spaces. The modules
    themselves can be had as well.
    """
    home = {name: f"{package}.{module}" for module, names in modules.items() for name in names.split()}
    public = sorted(home)

    def getattribute(name: str):
        if name in home:
            return getattr(import_module(home[name]), name)
        if name in modules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return getattribute, lambda: public, public
