"""`headrace config`: the settings as a process in this folder would have them, and whether they are right."""

from headrace.app import App
from headrace.cli import output
from headrace.cli.failure import Exit
from headrace.cli.options import SHOWN, Shown, noun
from headrace.core.errors import BadConfig

app = noun("config", "See and check the settings.")


@app.command
def show(*, common: Shown = SHOWN) -> None:
    """Show every setting, its value, and where that came from; secrets are masked.

    Example: headrace config show
    """
    settings = App(common.url).config.describe()
    if common.json:
        output.document({one.key: {"value": one.value, "origin": one.origin} for one in settings})
    else:
        output.table(
            ("SETTING", "VALUE", "FROM"),
            ((one.key, "none" if one.value is None else str(one.value), one.origin) for one in settings),
        )


@app.command
def check(*, common: Shown = SHOWN) -> int:
    """Check the settings, and name all that is wrong with them.

    Example: headrace config check
    """
    try:
        App(common.url)
    except BadConfig as error:
        if not common.json:
            raise
        output.document({"is_right": False, "problems": error.problems})
        return Exit.MISCONFIGURED
    if common.json:
        output.document({"is_right": True, "problems": []})
    else:
        output.line("the settings are right")
    return Exit.OK
