"""`headrace plugins`: what installed packages bring."""

from typing import Annotated

from cyclopts import Parameter

from headrace import plugins
from headrace.cli import output
from headrace.cli.failure import say
from headrace.cli.options import COMMON, PLAIN, Common, noun

app = noun("plugins", "See plugins.")


@app.command(name="list")
async def list_(
    *,
    json: Annotated[bool, Parameter(group=COMMON, help="Print JSON.")] = False,
    common: Common = PLAIN,  # noqa: ARG001
) -> None:
    """List the plugins that installed packages bring.

    Nothing of them is imported; an app has those that its code asks for with app.plugin.

    Example: headrace plugins list
    """
    found = [
        {
            "name": entry.name,
            "package": plugins.package_of(entry),
            "version": "" if entry.dist is None else entry.dist.version,
            "object": entry.value,
        }
        for entry in plugins.installed()
    ]
    if json:
        output.document({"plugins": found})
    elif found:
        output.table(("PLUGIN", "PACKAGE", "VERSION", "OBJECT"), ([*plugin.values()] for plugin in found))
    else:
        say(f"no installed package has an entry point in the group {plugins.GROUP}")
