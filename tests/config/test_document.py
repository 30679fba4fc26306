import pytest

from distribution.config.document import overlay, read
from distribution.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1e5", "1e5"),
        ("off", "off"),
        ("yes", "yes"),
        ("true", "true"),
        ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"),
        (".inf", ".inf"),
        ("=", "="),
        ('"quoted"', "quoted"),
        ("'~'", "~"),
        ("''", ""),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("nullable", "nullable"),
        ("[a, 1, ~]", ["a", "1", None]),
        ("{a: 1}", {"a": "1"}),
    ],
)
def test_scalars_stay_text(text, value):
    """Only null is not text: what a setting means is for its type to say."""
    assert read(f"key: {text}", "config.yml") == {"key": value}


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "---\n"])
def test_empty_file(text):
    """A file of nothing has no settings."""
    assert read(text, "config.yml") == {}


def test_merge_keys_and_anchors():
    """YAML's own shorthands work as in Go."""
    text = "a: &a {x: 1}\nb: {<<: *a, y: 2}\n"
    assert read(text, "config.yml")["b"] == {"x": "1", "y": "2"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("- a", id="a list"),
        pytest.param("text", id="a text"),
        pytest.param("a: [", id="cut off"),
        pytest.param("a: b: c", id="two colons"),
        pytest.param("\ta: b", id="tab"),
        pytest.param("a: *b", id="unknown anchor"),
        pytest.param("a: !!python/object/apply:os.system [id]", id="code"),
        pytest.param("a: 1\n---\nb: 2", id="two documents"),
        pytest.param("? [a]\n: b", id="key a list"),
        pytest.param("a: \x00", id="NUL"),
    ],
)
def test_what_is_no_file_of_settings(text):
    """The error is one line, and begins with the file."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, "config.yml")
    assert str(caught.value).startswith("config.yml: not ")
    assert "\n" not in str(caught.value)


FILE = {
    "log": {"level": "info"},
    "storage": {"filesystem": {"rootdirectory": "/x"}},
    "http": {"headers": {"X-Content-Type-Options": ["nosniff"]}},
    "hooks": [{"name": "a"}, {"name": "b"}],
}


@pytest.mark.parametrize(
    ("environ", "way", "expected"),
    [
        pytest.param({"REGISTRY_LOG_LEVEL": "debug"}, "log level", "debug", id="replaces"),
        pytest.param({"REGISTRY_LOG_FORMATTER": "json"}, "log formatter", "json", id="adds"),
        pytest.param({"REGISTRY_NEW_DEEP_KEY": "x"}, "new deep key", "x", id="adds maps"),
        pytest.param({"REGISTRY_LOG_LEVEL": ""}, "log level", None, id="empty is null"),
        pytest.param({"REGISTRY_LOG_LEVEL": "0123"}, "log level", "0123", id="stays text"),
        pytest.param(
            {"REGISTRY_HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS": "[a, b]"},
            "http headers X-Content-Type-Options",
            ["a", "b"],
            id="finds keys whatever their case",
        ),
        pytest.param(
            {"REGISTRY_HTTP_HEADERS_X-NEW": "[a]"}, "http headers x-new", ["a"], id="lower"
        ),
        pytest.param(
            {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/y"},
            "storage",
            {"filesystem": {"rootdirectory": "/y"}},
            id="keeps the rest",
        ),
        pytest.param({"REGISTRY_STORAGE": "inmemory"}, "storage", "inmemory", id="shorthand"),
        pytest.param(
            {"REGISTRY_STORAGE_S3_BUCKET": "b", "REGISTRY_STORAGE": "s3"},
            "storage",
            {"s3": {"bucket": "b"}},
            id="parents before children, and a shorthand becomes a map",
        ),
        pytest.param(
            {"REGISTRY_STORAGE_S3": "{bucket: b, region: r}"},
            "storage s3",
            {"bucket": "b", "region": "r"},
            id="a map in one variable",
        ),
        pytest.param(
            {"REGISTRY_STORAGE": "{s3: {bucket: b}}", "REGISTRY_STORAGE_S3_REGION": "r"},
            "storage",
            {"s3": {"bucket": "b", "region": "r"}},
            id="a map, and into it",
        ),
        pytest.param(
            {"REGISTRY_STORAGE_S3_BUCKET": "b"},
            "storage",
            {"filesystem": {"rootdirectory": "/x"}, "s3": {"bucket": "b"}},
            id="removes nothing",
        ),
        pytest.param({"REGISTRY_HOOKS_1_NAME": "c"}, "hooks 1 name", "c", id="list item"),
        pytest.param({"REGISTRY_HOOKS_2_NAME": "c"}, "hooks 2 name", "c", id="appends"),
        pytest.param(
            {"REGISTRY_HOOKS_2": "{name: c}", "REGISTRY_HOOKS_3_NAME": "d"},
            "hooks",
            [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}],
            id="appends twice",
        ),
        pytest.param({"REGISTRY_HOOKS": "[]"}, "hooks", [], id="a list as a whole"),
    ],
)
def test_variables(environ, way, expected):
    """A variable's name is the way to a setting, and its value is YAML."""
    found = overlay(FILE, environ)
    for key in way.split():
        found = found[int(key) if isinstance(found, list) else key]
    assert found == expected


def test_the_document_is_left_as_it_was():
    """Overlaying gives another document."""
    before = str(FILE)
    overlay(FILE, {"REGISTRY_LOG_LEVEL": "debug", "REGISTRY_HOOKS_0_NAME": "z"})
    assert str(FILE) == before


@pytest.mark.parametrize(
    "name",
    ["PATH", "REGISTRY", "registry_log_level", "REGISTRY_CONFIGURATION_PATH", "REGISTRY_VERSION"],
)
def test_variables_that_are_no_settings(name):
    """Other variables, the way to the file and the version change nothing."""
    assert overlay(FILE, {name: "x"}) == FILE


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"REGISTRY_HOOKS_3_NAME": "c"},
            "REGISTRY_HOOKS_3_NAME: undefined index 3, the list has 2",
        ),
        ({"REGISTRY_HOOKS_X": "c"}, "REGISTRY_HOOKS_X: undefined index X, the list has 2"),
        ({"REGISTRY_HOOKS_-1": "c"}, "REGISTRY_HOOKS_-1: undefined index -1, the list has 2"),
        ({"REGISTRY_LOG": "{"}, "REGISTRY_LOG: not YAML: "),
    ],
)
def test_wrong_variables(environ, message):
    """The error is one line, and names the variable."""
    with pytest.raises(ConfigurationError) as caught:
        overlay(FILE, environ)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
