"""How the page is served: its index anew each time, its files for ever, and neither with anything from elsewhere."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from quart import Quart

from rtchart.web import page
from tests.web.conftest import BTC
from tests.web.running import running

FILES = {
    "index.html": '<link href="__STATIC__/css/a.css"><script type="module" src="__STATIC__/js/main.js"></script>',
    "css/a.css": "body{}",
    "js/main.js": "import './other.js'",
    "js/types.d.ts": "not served",
    "vendor/chart.mjs": "export {}",
    "vendor/LICENSE": "Apache",
    "icon.svg": "<svg/>",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_address_changes_with_the_content(folder: Path) -> None:
    before = page.load(folder)
    assert f"/static/{before.digest}/js/main.js" in before.index
    assert "__STATIC__" not in before.index
    assert page.load(folder) == before
    (folder / "js" / "main.js").write_text("import './another.js'")
    assert page.load(folder).digest != before.digest


@pytest.mark.parametrize("missing", ["index.html", "vendor/chart.mjs"])
def test_a_page_that_is_not_built_says_so(folder: Path, missing: str, caplog: pytest.LogCaptureFixture) -> None:
    (folder / missing).unlink()
    assert "make page" in page.load(folder).index
    assert "make page" in caplog.text


async def test_files_are_compressed_for_who_takes_it(folder: Path) -> None:
    (folder / "js" / "main.js").write_text("let a = 1;\n" * 100)
    loaded = page.load(folder)
    app = Quart(__name__)
    app.register_blueprint(page.blueprint(loaded))
    path = f"/static/{loaded.digest}/js/main.js"
    plain = await app.test_client().get(path)
    packed = await app.test_client().get(path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(await packed.get_data()) == await plain.get_data() == loaded.files["js/main.js"]
    # What would grow is sent as it is.
    small = await app.test_client().get(f"/static/{loaded.digest}/css/a.css", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_files_are_served_with_their_types_and_caching(
    kafka: str, topic_prefix: str, database: str, folder: Path
) -> None:
    content = page.load(folder)
    async with running(kafka, topic_prefix, database, symbols=[BTC], page=content) as web:
        index = await web.http.get("/")
        assert index.text == content.index
        assert index.headers["cache-control"] == "no-cache"
        policy = index.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert not re.search(r"unsafe|https?:", policy)
        (script,) = re.findall(r'src="([^"]+)"', index.text)
        answer = await web.http.get(script)
        assert answer.text == FILES["js/main.js"]
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        types = {
            "css/a.css": "text/css; charset=utf-8",
            "vendor/chart.mjs": "text/javascript; charset=utf-8",
            "vendor/LICENSE": "text/plain; charset=utf-8",
            "icon.svg": "image/svg+xml",
        }
        for path, kind in types.items():
            assert (await web.http.get(f"/static/{content.digest}/{path}")).headers["content-type"] == kind
        older = await web.http.get("/static/000000000000/js/main.js")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        for path in ("js/types.d.ts", "../page.py", "%2e%2e/page.py", "js/none.js"):
            assert (await web.http.get(f"/static/{content.digest}/{path}")).status_code == 404
