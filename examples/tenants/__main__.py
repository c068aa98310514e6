"""`python -m examples.tenants`: a tenant with a mountain, two with a handful, and four hands."""

import asyncio
from tempfile import TemporaryDirectory

from examples.tenants.imports import bring, limit, make_imports


async def main(url: str) -> None:
    """Let the mountain come first, and print who ran when."""
    imports = make_imports(url)
    async with imports.app as app:
        await limit(imports, running=2, waiting=10)
        for tenant, count in (("mountain", 40), ("hill", 4), ("molehill", 2)):
            print(f"{tenant:8} brings {count:2}, {await bring(imports, tenant, count):2} are taken")
        await app.worker(concurrency=4).run_until_idle()
    for tenant in ("mountain", "hill", "molehill"):
        print(f"{tenant:8} {''.join('■' if one == tenant else '·' for one in imports.order)}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(main(f"sqlite:///{folder}/headrace.db"))
