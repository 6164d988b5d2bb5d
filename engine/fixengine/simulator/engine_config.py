"""engine.toml of an engine that trades on the built-in venue: written here and nowhere else."""

from __future__ import annotations

from pathlib import Path

import orjson


def engine_config(
    *,
    host: str,
    port: int,
    server_name: str,
    ca_file: Path | str,
    api_key_file: Path | str,
    private_key_file: Path | str,
    comp_ids: tuple[str, ...],
    drop_copy_port: int | None = None,
    time_scale: int = 1,
    state_dir: Path | str,
    endpoint: str | None = None,
    limits: str | None = None,
    web_port: int | None = None,
    durability: str | None = None,
    unsent_bytes_max: int | None = None,
    cpu: int | None = None,
) -> str:
    """The text of an engine.toml, whatever characters its paths have.

    server_name: a name in the venue's certificate. comp_ids: SenderCompIDs. drop_copy_port: where
    the venue offers drop copy, which is then used; None where it does not. time_scale: that of the
    venue. endpoint: of the bus; limits: "venue" or "off"; web_port: of REST and user data stream;
    durability: of the journal; unsent_bytes_max: of the engine; cpu: the core of its thread. None
    leaves the engine's default.
    """
    lines = [
        "[venue]",
        'environment = "simulator"',
        f"host = {quoted(host)}",
        f"port = {port}",
        f"server_name = {quoted(server_name)}",
        f"ca_file = {quoted(ca_file)}",
        f"sender_comp_ids = [{', '.join(map(quoted, comp_ids))}]",
    ]
    if drop_copy_port is not None:
        lines += ["drop_copy = true", f"drop_copy_host = {quoted(host)}"]
        lines.append(f"drop_copy_port = {drop_copy_port}")
    if time_scale != 1:
        lines.append(f"time_scale = {time_scale}")
    lines += [
        "",
        "[key]",
        f"api_key_file = {quoted(api_key_file)}",
        f"private_key_file = {quoted(private_key_file)}",
        "",
        "[engine]",
        f"state_dir = {quoted(state_dir)}",
    ]
    if unsent_bytes_max is not None:
        lines.append(f"unsent_bytes_max = {unsent_bytes_max}")
    lines.append("")
    if endpoint is not None:
        lines += ["[bus]", f"endpoint = {quoted(endpoint)}", ""]
    if web_port is not None:
        lines += ["[sources]", f"port = {web_port}", ""]
    if durability is not None:
        lines += ["[journal]", f"durability = {quoted(durability)}", ""]
    if limits is not None:
        lines += ["[limits]", f"mode = {quoted(limits)}", ""]
    if cpu is not None:
        lines += ["[tuning]", f"cpu = {cpu}", ""]
    return "\n".join(lines)


def quoted(value: object) -> str:
    """A TOML string; JSON's escapes are TOML's too."""
    return orjson.dumps(str(value)).decode()
