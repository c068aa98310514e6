import pytest

from examples.tenants.imports import Imports, bring, limit, make_imports

URLS = ["memory://", "sqlite:///:memory:"]


async def imported(imports: Imports, concurrency: int = 4) -> list[str]:
    await imports.app.worker(concurrency=concurrency).run_until_idle()
    return imports.order


@pytest.mark.parametrize("url", URLS)
async def test_a_mountain_makes_nobody_wait(url: str) -> None:
    imports = make_imports(url, seconds=0.001)
    async with imports.app:
        await limit(imports, running=2, waiting=50)
        for tenant, count in (("mountain", 30), ("hill", 4), ("molehill", 2)):
            assert await bring(imports, tenant, count) == count
        order = await imported(imports, concurrency=1)
    assert order[:7] == ["mountain", "hill", "molehill", "mountain", "hill", "molehill", "mountain"]
    assert order[7:10] == ["hill", "mountain", "hill"]
    assert len(order) == 36


@pytest.mark.parametrize("url", URLS)
async def test_a_tenant_that_is_full_is_refused_and_no_other(url: str) -> None:
    imports = make_imports(url, seconds=0)
    async with imports.app:
        await limit(imports, running=2, waiting=10)
        assert await bring(imports, "mountain", 40) == 12
        assert await bring(imports, "hill", 12) == 12
        await imported(imports)
        assert await bring(imports, "mountain", 1) == 1
        await imported(imports)
