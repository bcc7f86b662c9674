"""How every process tells what is wrong with its settings."""

from pydantic import ValidationError
from pydantic_settings import BaseSettings


def explain(error: ValueError) -> str:
    """One line a fault, each with the environment variable that must be mended."""
    if not isinstance(error, ValidationError):
        return f"  {error}"
    prefixes = {block.__name__: block.model_config.get("env_prefix", "") for block in BaseSettings.__subclasses__()}
    prefix = prefixes.get(error.title, "")
    return "\n".join(f"  {_variable(prefix, fault['loc'])}: {fault['msg']}" for fault in error.errors())


def _variable(prefix: str, path: tuple[int | str, ...]) -> str:
    name = str(path[0]) if path else ""
    return name if name.isupper() else (prefix + name).upper()  # an alias is the variable's own name
