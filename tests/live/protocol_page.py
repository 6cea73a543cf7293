"""Writes what follows from the protocol's types: docs/protocol.md and the page's protocol.ts.

python tests/live/protocol_page.py      # after a change of gapt.live.protocol
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import msgspec
from msgspec.inspect import (
    BoolType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from gapt.live import protocol

ROOT = Path(__file__).resolve().parents[2]
CLIENT = (protocol.Hello, protocol.Melody, protocol.Set, protocol.Ping)
SERVER = (protocol.Ready, protocol.Plan, protocol.Settings, protocol.Pong, protocol.Error)
PARTS = (protocol.State, protocol.Sounded, protocol.Chord)


def describe(struct: type) -> tuple[str, dict[str, str]]:
    """A message's text and its fields' texts, from its docstring."""
    text, _, attributes = inspect.getdoc(struct).partition("Attributes:\n")
    fields: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w+: )", "\n" + attributes.rstrip()):
        if entry.strip():
            name, _, says = entry.strip().partition(": ")
            fields[name] = " ".join(says.split())
    names = {field.name for field in type_info(struct).fields}
    assert fields.keys() <= names, f"{struct.__name__} documents {fields.keys() - names}"
    assert names <= fields.keys(), f"{struct.__name__} leaves out {names - fields.keys()}"
    return text.strip(), fields


def limits(kind: IntType | FloatType) -> str:
    low = kind.ge
    high = kind.le if kind.le is not None else None if kind.lt is None else kind.lt - 1
    if low is None:
        return ""
    return f" ≥ {low}" if high is None else f" {low} to {high}"


PLAIN = {BoolType: "boolean", IntType: "integer", FloatType: "number", StrType: "string"}


def words(kind: Type) -> str:
    """A field's type, as people read it."""
    if isinstance(kind, UnionType):
        return " or ".join(map(words, kind.types))
    if isinstance(kind, VarTupleType):
        return f"list of {words(kind.item_type)}"
    if isinstance(kind, StructType):
        return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
    if isinstance(kind, NoneType):
        return "null"
    return PLAIN[type(kind)] + (limits(kind) if isinstance(kind, IntType | FloatType) else "")


def interface(struct: type) -> str:
    return struct.__name__ + ("Message" if type_info(struct).tag else "")


def typescript(kind: Type) -> str:
    """A field's type in TypeScript, where `Set` and `Error` mean something else already."""
    if isinstance(kind, UnionType):
        return " | ".join(map(typescript, kind.types))
    if isinstance(kind, VarTupleType):
        return f"readonly {typescript(kind.item_type)}[]"
    if isinstance(kind, StructType):
        return interface(kind.cls)
    if isinstance(kind, NoneType):
        return "null"
    return PLAIN[type(kind)].replace("integer", "number")


def page() -> str:
    """docs/protocol.md."""
    lines = [
        "# The protocol",
        "",
        "<!-- Generated from src/gapt/live/protocol.py by tests/live/protocol_page.py. -->",
        "",
        inspect.getdoc(protocol).partition("\n\n")[0],
        "",
        inspect.getdoc(protocol).split("\n\n")[1],
        "",
        f"The socket is `/session`; this is version {protocol.VERSION}. A message is an object "
        "whose `type` names it.",
        f"A client's message has at most {protocol.MAX_MESSAGE} bytes, and no fields but these; "
        "what cannot be read is answered",
        "by `error`, and the connection closed. [Programs](api.md) has an example.",
        "",
    ]
    for title, structs in (
        ("The client says", CLIENT), ("The server says", SERVER), ("Parts", PARTS),
    ):  # fmt: skip
        lines += [f"## {title}", ""]
        for struct in structs:
            info = type_info(struct)
            text, fields = describe(struct)
            heading = info.tag or struct.__name__
            lines += [f"### {heading}", "", text, "", "| field | | |", "|---|---|---|"]
            for field in info.fields:
                default = ""
                if not field.required:
                    default = f"; default {msgspec.json.encode(field.default).decode()}"
                lines.append(
                    f"| `{field.name}` | {words(field.type)}{default} | {fields[field.name]} |"
                )
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def types() -> str:
    """web/src/protocol.ts."""
    lines = [
        "/**",
        " * What the page and the server say to each other; docs/protocol.md explains it.",
        " *",
        " * Generated from src/gapt/live/protocol.py by tests/live/protocol_page.py.",
        " */",
        "",
        f"export const VERSION = {protocol.VERSION};",
        f"export const MAX_STATES = {protocol.MAX_STATES};",
        "",
    ]
    for struct in (*CLIENT, *SERVER, *PARTS):
        info = type_info(struct)
        _, fields = describe(struct)
        lines.append(f"export interface {interface(struct)} {{")
        if info.tag:
            lines.append(f'  type: "{info.tag}";')
        for field in info.fields:
            optional = "" if field.required else "?"
            lines.append(f"  /** {fields[field.name]} */")
            lines.append(f"  {field.encode_name}{optional}: {typescript(field.type)};")
        lines += ["}", ""]
    for name, structs in (("ClientMessage", CLIENT), ("ServerMessage", SERVER)):
        union = " | ".join(map(interface, structs))
        lines.append(f"export type {name} = {union};")
    return "\n".join(lines) + "\n"


GENERATED = {ROOT / "docs/protocol.md": page, ROOT / "web/src/protocol.ts": types}

if __name__ == "__main__":
    for path, make in GENERATED.items():
        path.write_text(make(), encoding="utf-8")
