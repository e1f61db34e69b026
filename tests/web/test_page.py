"""How the page is served: its index anew each time, its files for ever, and neither with anything from elsewhere."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from quart import Quart

from rtchart.core.errors import UserError
from rtchart.web import command, page
from rtchart.web.admission import Framers, Rules
from tests.web.conftest import BTC
from tests.web.running import Running, running

FILES = {
    "index.html": '<link href="__STATIC__/main.css"><script type="module" src="__STATIC__/main.js"></script>',
    "main.css": "body{}",
    "main.js": "export {}",
    "main.js.map": "{}",
    "notes.py": "not served",
    "LICENSE": "Apache",
    "fonts/LICENSE": "OFL",
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
    assert f"/static/{before.digest}/main.js" in before.index
    assert "__STATIC__" not in before.index
    assert page.load(folder) == before
    (folder / "main.js").write_text("export default 1")
    assert page.load(folder).digest != before.digest


@pytest.mark.parametrize("missing", ["index.html", "main.js"])
def test_a_page_that_is_not_built_says_so(folder: Path, missing: str, caplog: pytest.LogCaptureFixture) -> None:
    (folder / missing).unlink()
    assert "make page" in page.load(folder).index
    assert "make page" in caplog.text


async def test_files_are_compressed_for_who_takes_it(folder: Path) -> None:
    (folder / "main.js").write_text("let a = 1;\n" * 100)
    loaded = page.load(folder)
    app = Quart(__name__)
    app.register_blueprint(page.blueprint(loaded, Framers()))
    path = f"/static/{loaded.digest}/main.js"
    plain = await app.test_client().get(path)
    packed = await app.test_client().get(path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(await packed.get_data()) == await plain.get_data() == loaded.files["main.js"]
    # What would grow is sent as it is.
    small = await app.test_client().get(f"/static/{loaded.digest}/main.css", headers={"Accept-Encoding": "gzip"})
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
        assert answer.text == FILES["main.js"]
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        types = {
            "main.css": "text/css; charset=utf-8",
            "main.js.map": "application/json",
            "fonts/LICENSE": "text/plain; charset=utf-8",
            "icon.svg": "image/svg+xml",
        }
        for path, kind in types.items():
            assert (await web.http.get(f"/static/{content.digest}/{path}")).headers["content-type"] == kind
        older = await web.http.get("/static/000000000000/main.js")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        for path in ("notes.py", "../page.py", "%2e%2e/page.py", "none.js"):
            assert (await web.http.get(f"/static/{content.digest}/{path}")).status_code == 404


async def policies(web: Running, path: str) -> dict[str, str]:
    """The directives of the page's policy by name, when it is as it should be."""
    answer = await web.http.get(path)
    assert (answer.status_code, answer.text) == (200, (await web.http.get("/")).text)
    # What else would keep it out of a frame.
    for header in ("x-frame-options", "cross-origin-resource-policy", "cross-origin-embedder-policy"):
        assert header not in answer.headers
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in parts}


async def test_nobody_frames_the_page_unless_he_is_named(
    kafka: str, topic_prefix: str, database: str, web_shared: Running
) -> None:
    whole = await policies(web_shared, "/")
    assert whole["frame-ancestors"] == "'none'"
    assert await policies(web_shared, "/embed") == whole
    rules = Rules(framers=Framers.of(["self", "https://example.org/", "https://*.Example.org:8443"]))
    async with running(kafka, topic_prefix, database, symbols=[BTC], rules=rules) as web:
        assert await policies(web, "/") == whole
        named = "'self' https://example.org https://*.example.org:8443"
        assert await policies(web, "/embed") == whole | {"frame-ancestors": named}
        assert "'none'" in (await web.http.get("/livez")).headers["content-security-policy"].rpartition("frame-ancestors")[2]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "none",
        "'none'",
        "example.org",
        "https://",
        "https://*",
        "https://*.*.org",
        "https://a.org/page",
        "https://a.org:x",
        "data:",
        "https://a.org; script-src *",
        "https://a.org https://b.org",
        "https://a.org,https://b.org",
        "https://a.org\n",
        "https://ä.org",
    ],
)
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(UserError, match="is no source of pages; write it like https:"):
        Framers.of(["https://example.org", source])


def test_a_wrong_source_ends_the_command_with_a_sentence() -> None:
    needed = {"RTCHART_KAFKA": "127.0.0.1:1", "RTCHART_DATABASE": "postgresql://127.0.0.1:1/none"}
    said = CliRunner().invoke(command.command, env={**needed, "RTCHART_FRAME_ANCESTORS": "https://example.org; example.com"})
    assert said.exit_code == 1
    assert "--frame-ancestors 'https://example.org;' is no source of pages" in said.output
    assert Framers.of(["*", "*"]).directive == "*"


async def test_the_index_is_compressed_and_not_sent_again(folder: Path) -> None:
    (folder / "index.html").write_text("<!doctype html>" + "<p>__STATIC__</p>" * 100)
    loaded = page.load(folder)
    app = Quart(__name__)
    app.register_blueprint(page.blueprint(loaded, Framers.of(["*"])))
    client = app.test_client()
    for path in ("/", "/embed"):
        plain = await client.get(path)
        packed = await client.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(await packed.get_data()) == await plain.get_data() == loaded.index.encode()
        assert "Content-Encoding" not in (await client.get(path, headers={"Accept-Encoding": "gzip;q=0"})).headers
        tag = plain.headers["ETag"]
        assert tag == packed.headers["ETag"]
        for method in (client.get, client.head):
            again = await method(path, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
            assert (again.status_code, await again.get_data()) == (304, b"")
            assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "no-cache")
            assert "Content-Encoding" not in again.headers
        assert (await client.get(path, headers={"If-None-Match": 'W/"another"'})).status_code == 200
    tags = {(await client.get(path)).headers["ETag"] for path in ("/", "/embed")}
    assert len(tags) == 2, "whoever may frame it from now on is told so"


async def test_a_frame_is_told_from_the_page_before_any_script_runs(folder: Path) -> None:
    (folder / "index.html").write_text('<!doctype html><html lang="en"><p>__STATIC__</p></html>')
    app = Quart(__name__)
    app.register_blueprint(page.blueprint(page.load(folder), Framers.of([])))
    found = {path: await (await app.test_client().get(path)).get_data(as_text=True) for path in ("/", "/embed")}
    assert "data-embedded" not in found["/"]
    assert found["/embed"] == found["/"].replace("<html ", "<html data-embedded ")
