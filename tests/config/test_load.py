import logging
import re
from datetime import timedelta

import pytest
import yaml

from distribution.config import RegistrySettings, load
from distribution.errors import ConfigurationError

MINIMAL = {"version": "0.1", "storage": {"inmemory": None}}

#: The configuration in the image of Docker Distribution 2.8.
EXAMPLE = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""


@pytest.fixture
def config(tmp_path):
    """Load sections, given by keyword, from a file."""

    def write(environ=None, text=None, **sections):
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump({**MINIMAL, **sections}) if text is None else text)
        return load(path, environ or {})

    return write


@pytest.fixture
def refused(config, tmp_path):
    """Load sections that are wrong; return the message behind the file's name, one line."""

    def attempt(**given):
        with pytest.raises(ConfigurationError) as caught:
            config(**given)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(f"{tmp_path / 'config.yml'}: ")
        return message.removeprefix(f"{tmp_path / 'config.yml'}: ")

    return attempt


def test_distributions_example_is_read(config):
    """The file of Distribution's own image works as it is."""
    settings = config(text=EXAMPLE)
    assert settings.storage.driver == "filesystem"
    assert settings.storage.parameters == {"rootdirectory": "/var/lib/registry"}
    assert settings.http.addr == ":5000"
    assert settings.http.headers == {"X-Content-Type-Options": ["nosniff"]}


def test_defaults_are_distributions(config):
    """What is not set is as in Docker Distribution."""
    settings = config()
    assert not settings.storage.delete.enabled
    assert not settings.storage.maintenance.readonly.enabled
    assert settings.log.level == "info"
    assert settings.http.draintimeout == timedelta(0)
    assert (settings.catalog.maxentries, settings.tags.maxtags) == (1000, 1000)
    assert settings.validation.manifests.indexes.platforms == "all"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(text, True) for text in ["true", "True", "yes", "on", "Y", "On"]],
        *[(text, False) for text in ["false", "FALSE", "no", "off", "n", "Off", "~", ""]],
    ],
)
def test_booleans_of_yaml_1_1(config, text, expected):
    """A switch takes every spelling that Go's YAML does."""
    file = f"version: 0.1\nstorage:\n  inmemory:\n  delete:\n    enabled: {text}\n"
    assert config(text=file).storage.delete.enabled is expected


@pytest.mark.parametrize("secret", ["0123", "yes", "1e5", "12345678901234567890", "2026-01-01"])
def test_secret_is_the_text_that_stands_there(config, secret):
    """A secret that looks like something else is still its characters."""
    file = f"version: 0.1\nstorage: inmemory\nhttp:\n  secret: {secret}\n"
    assert config(text=file).http.secret == secret


def test_nulls_are_as_if_not_there(config):
    """A key without a value, and an empty section, mean their defaults."""
    file = "version: 0.1\nstorage: {inmemory: }\nhttp:\nlog: {level: , accesslog: ~}\ncatalog: {}\n"
    settings = config(text=file)
    assert (settings.http.addr, settings.log.level) == (":5000", "info")
    assert settings.storage.parameters == {}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        pytest.param("loglevel: debug", "debug", id="the old key alone"),
        pytest.param("loglevel: debug\nlog: {level: warn}", "warn", id="the new one counts"),
        pytest.param("loglevel: debug\nlog:", "debug", id="beside an empty section"),
    ],
)
def test_loglevel_of_old_files(config, text, level):
    """The key that was deprecated before 2.0 still sets the level."""
    assert config(text=f"version: 0.1\nstorage: inmemory\n{text}\n").log.level == level


def test_durations_of_go(config):
    """A duration is read as Go does."""
    settings = config(http={"draintimeout": "1m30s"}, server={"keepalive": 5_000_000_000})
    assert settings.http.draintimeout == timedelta(seconds=90)
    assert settings.server.keepalive == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("environ", "driver", "parameters"),
    [
        ({"REGISTRY_STORAGE": "filesystem"}, "filesystem", {}),
        (
            {"REGISTRY_STORAGE": "s3", "REGISTRY_STORAGE_S3_BUCKET": "b"},
            "s3",
            {"bucket": "b"},
        ),
        (
            {"REGISTRY_STORAGE": "{filesystem: {rootdirectory: /y}}"},
            "filesystem",
            {"rootdirectory": "/y"},
        ),
    ],
)
def test_driver_by_variables(config, environ, driver, parameters):
    """The driver can be changed without touching the file."""
    storage = config(environ).storage
    assert (storage.driver, storage.parameters) == (driver, parameters)


def test_variables_cannot_change_the_version(config):
    """`REGISTRY_VERSION` is set by images for other ends."""
    assert config({"REGISTRY_VERSION": "2.8.3"}).version == "0.1"


def test_without_a_file_the_defaults_count():
    """What the caller gives instead of a file is overlaid like one."""
    defaults = {"version": "0.1", "storage": "inmemory"}
    settings = load(None, {"REGISTRY_HTTP_ADDR": ":1"}, defaults)
    assert (settings.storage.driver, settings.http.addr) == ("inmemory", ":1")
    with pytest.raises(ConfigurationError, match=r"^settings: version: Field required$"):
        load(None, {})


# --- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        pytest.param({"version": None}, "version: Field required", id="no version"),
        pytest.param({"version": "0.2"}, "version: .*'0.2'", id="another version"),
        pytest.param({"storage": None}, "storage: Field required", id="null storage"),
        pytest.param(
            {"storage": {}}, "storage: no storage configuration provided", id="no storage"
        ),
        pytest.param(
            {"storage": {"delete": {"enabled": True}}}, "storage: no storage", id="no driver"
        ),
        pytest.param(
            {"storage": {"s3": {}, "filesystem": {}, "cache": {}}},
            "storage: multiple storage drivers: filesystem, s3",
            id="two drivers",
        ),
        pytest.param({"storage": ["filesystem"]}, "storage: ", id="storage a list"),
        pytest.param({"storage": {"inmemory": "x"}}, "storage.parameters: .*'x'", id="no map"),
        pytest.param(
            {"storage": {"inmemory": {}, "delete": {"enabled": "perhaps"}}},
            "storage.delete.enabled: .*'perhaps'",
            id="no boolean",
        ),
        pytest.param({"log": {"level": "loud"}}, "log.level: .*'loud'", id="no level"),
        pytest.param({"log": "debug"}, "log: .*'debug'", id="section a text"),
        pytest.param({"http": {"net": "udp"}}, "http.net: .*'udp'", id="no such net"),
        pytest.param({"http": {"prefix": "x"}}, "http.prefix: must begin .*'x'", id="prefix"),
        pytest.param({"http": {"prefix": "/x"}}, "http.prefix: must begin .*'/x'", id="no end"),
        pytest.param({"http": {"prefix": "/a b/"}}, "http.prefix: ", id="prefix with a space"),
        pytest.param(
            {"http": {"host": "example"}}, "http.host: must be .*'example'", id="no scheme"
        ),
        pytest.param({"http": {"host": "javascript://x"}}, "http.host: ", id="another scheme"),
        pytest.param({"http": {"host": "https://a/b"}}, "http.host: ", id="host with a path"),
        pytest.param({"http": {"host": "https://a\r\nX: y"}}, "http.host: ", id="host with CRLF"),
        pytest.param({"http": {"draintimeout": "soon"}}, "http.draintimeout: .*'soon'", id="wait"),
        pytest.param(
            {"http": {"draintimeout": "9" * 20 + "h"}}, "http.draintimeout: ", id="for ever"
        ),
        pytest.param({"http": {"headers": {"X": "y"}}}, "http.headers.X: .*'y'", id="no list"),
        pytest.param({"catalog": {"maxentries": 0}}, "catalog.maxentries: .*'0'", id="no page"),
        pytest.param({"tags": {"maxtags": "-1"}}, "tags.maxtags: .*'-1'", id="negative"),
        pytest.param({"server": {"threads": 5}}, "server.threads: .*'5'", id="few threads"),
        pytest.param({"server": {"workers": "two"}}, "server.workers: .*'two'", id="no number"),
        pytest.param(
            {"validation": {"manifests": {"urls": {"allow": ["("]}}}},
            r"validation.manifests.urls.allow.0: .*'\('",
            id="no pattern",
        ),
        pytest.param(
            {"validation": {"manifests": {"indexes": {"platforms": "some"}}}},
            "validation.manifests.indexes.platforms: .*'some'",
            id="no such choice",
        ),
        pytest.param(
            {"validation": {"manifests": {"indexes": {"platformlist": [{"os": "linux"}]}}}},
            "validation.manifests.indexes.platformlist.0.architecture: Field required",
            id="half a platform",
        ),
    ],
)
def test_wrong_settings(refused, sections, message):
    """One line names the file, the key, what is wrong, and what was given."""
    found = refused(**sections)
    assert re.match(message, found), found


@pytest.mark.parametrize("key", ["auth", "proxy", "middleware", "policy"])
def test_sections_that_decide_who_may_do_what(refused, key):
    """What an operator believes to close the registry is never ignored."""
    message = f"{key}: not supported by this version, and not safe to ignore"
    assert refused(**{key: {"htpasswd": {"path": "/x"}}}) == message


def test_tls_is_refused(refused):
    """A registry that was told to encrypt does not serve in the clear."""
    message = refused(http={"tls": {"certificate": "/x"}})
    assert message == "http.tls: not supported by this version, and not safe to ignore"


@pytest.mark.parametrize(
    "name", ["REGISTRY_AUTH", "REGISTRY_PROXY_REMOTEURL", "REGISTRY_HTTP_TLS_KEY"]
)
def test_refused_by_variable_too(config, name):
    """A variable is refused like the section it makes."""
    with pytest.raises(ConfigurationError, match="not safe to ignore"):
        config({name: "htpasswd"})


@pytest.mark.parametrize("sections", [{"auth": None}, {"proxy": {}}, {"http": {"tls": None}}])
def test_empty_refused_sections_are_nothing(config, sections):
    """A section that holds nothing decides nothing."""
    assert config(**sections).version == "0.1"


def test_key_that_is_no_text(refused):
    """A map's null key is one line, too."""
    assert refused(text="version: 0.1\nstorage: inmemory\n~: x\n")


def test_missing_file(tmp_path):
    """A file that is not there is told by its name."""
    with pytest.raises(ConfigurationError, match=r"/none.yml: No such file or directory$"):
        load(tmp_path / "none.yml", {})


def test_folder_for_a_file(tmp_path):
    """So is one that cannot be read."""
    with pytest.raises(ConfigurationError, match=r": Is a directory$"):
        load(tmp_path, {})


def test_file_that_is_no_text(tmp_path):
    """And one of another encoding."""
    (tmp_path / "config.yml").write_bytes(b"version: \xff")
    with pytest.raises(ConfigurationError, match=r"config.yml: not UTF-8$"):
        load(tmp_path / "config.yml", {})


# --- what is not known ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "warning"),
    [
        ({"htpp": {}}, "htpp is not known here and has no effect; did you mean http?"),
        (
            {"http": {"adr": ":1"}},
            "http.adr is not known here and has no effect; did you mean http.addr?",
        ),
        (
            {"storage": {"inmemory": {}, "maintenance": {"readonly": {"enable": "on"}}}},
            (
                "storage.maintenance.readonly.enable is not known here and has no effect;"
                " did you mean storage.maintenance.readonly.enabled?"
            ),
        ),
        ({"zzzz": {"a": 1}}, "zzzz is not known here and has no effect"),
    ],
)
def test_unknown_keys_are_told(config, caplog, sections, warning):
    """A key that has no effect is said to have none, with the nearest that has."""
    with caplog.at_level(logging.WARNING):
        config(**sections)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [warning]


def test_known_keys_are_not_told(config, caplog):
    """Where everything is known nothing is said."""
    with caplog.at_level(logging.WARNING):
        config(http={"addr": ":1"}, validation={"manifests": {"images": {"layers": "none"}}})
    assert caplog.records == []


def test_settings_are_frozen(config):
    """Nothing changes a setting while the registry runs."""
    settings = config()
    with pytest.raises(ValueError, match="frozen"):
        settings.http = None
    assert isinstance(settings, RegistrySettings)


def test_sections_that_are_sound(config):
    """Values of the right kind are taken as they stand."""
    settings = config(http={"host": "https://registry.example:8443/", "prefix": "/a/b-c/"})
    assert settings.http.host == "https://registry.example:8443/"
    assert settings.http.prefix == "/a/b-c/"
