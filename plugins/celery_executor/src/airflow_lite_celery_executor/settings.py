"""The options in [celery], read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: Name, default, help.
OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "broker_url",
        "redis://localhost:6379/0",
        "URL of the broker: redis, rediss, sentinel, amqp or amqps; with semicolons, several.",
    ),
    (
        "message_secret_key",
        "",
        "Key that signs messages, the same everywhere; empty makes celery.key in the home.",
    ),
    ("worker_concurrency", "16", "Tasks at once on each worker."),
    (
        "worker_autoscale",
        "",
        "Most and fewest tasks at once on a worker, such as 16,4; empty: worker_concurrency.",
    ),
    (
        "worker_prefetch_multiplier",
        "1",
        "Messages that a worker takes for each of its slots, and more while tasks are brisk.",
    ),
    (
        "worker_enable_remote_control",
        "True",
        "Workers answer celery status, Flower and the commands that change them.",
    ),
    (
        "worker_soft_shutdown_timeout",
        "0",
        "Seconds that SIGQUIT gives what runs on a worker before it kills it; 0: none.",
    ),
    (
        "worker_liveness_file",
        "",
        "File that a worker touches every few seconds, for probes; empty: none.",
    ),
    (
        "task_default_queue_type",
        "classic",
        "RabbitMQ: classic, or quorum for queues that are copied to its other nodes.",
    ),
    ("operation_timeout", "5", "Seconds that one operation at the broker may take."),
    ("ssl_active", "False", "Encrypt connections to the broker; rediss and amqps always do."),
    ("ssl_key", "", "File of the key of this machine's certificate."),
    ("ssl_cert", "", "File of the certificate that this machine shows."),
    ("ssl_cacert", "", "File of the certificate authority that signed the broker's."),
    (
        "celery_config_options",
        "",
        "Where a dict of Celery's own settings is to be imported from, such as my_module.OPTIONS.",
    ),
    (
        "visibility_timeout",
        "600",
        "Redis: seconds until a message that a dead worker had taken is delivered again.",
    ),
    ("global_keyprefix", "", "Redis: put in front of each key, to share a database with others."),
    ("master_name", "", "Redis Sentinel: the name that the Sentinels know the master by."),
    (
        "sentinel_kwargs",
        "",
        'Redis Sentinel: how to reach the Sentinels, as JSON, such as {"password": "..."}.',
    ),
    ("flower_host", "127.0.0.1", "Address that Flower listens on."),
    ("flower_port", "5555", "Port that Flower listens on."),
    ("flower_url_prefix", "", "Path below which Flower is served."),
    ("flower_basic_auth", "", "Who may see Flower: user:password pairs, comma-separated."),
)
#: The section and option of the key, and its file in the home.
KEY = ("celery", "message_secret_key", "celery.key")
_SENTINEL = "sentinel"
#: What the broker's URL may begin with, and whether that is Redis.
_SCHEMES = {
    **dict.fromkeys(("redis", "rediss", _SENTINEL), True),
    **dict.fromkeys(("amqp", "amqps", "pyamqp"), False),
}
_ENCRYPTED = frozenset({"rediss", "amqps"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DAY_S = 86_400


class CelerySettings(NamedTuple):
    """How to reach the broker, and how a worker is to be. Times in seconds."""

    broker_url: str
    is_redis: bool
    default_queue: str
    queue_type: str
    concurrency: int
    autoscale: tuple[int, int] | None
    prefetch_multiplier: int
    has_remote_control: bool
    soft_shutdown_timeout_s: float
    liveness_file: str
    operation_timeout_s: float
    ssl: Ssl | None
    visibility_timeout_s: int
    global_keyprefix: str
    sentinel: Sentinel | None
    extra: dict[str, Any]

    @classmethod
    def read(cls, config: Config) -> CelerySettings:
        """Read the options; raise `ConfigError` for one that is wrong."""
        url = config.get("celery", "broker_url").strip()
        return cls(
            broker_url=url,
            is_redis=_is_redis(url),
            default_queue=config.get("operators", "default_queue"),
            queue_type=_queue_type(config, url),
            concurrency=_whole(config, "worker_concurrency", 1),
            autoscale=read_autoscale(
                config.get("celery", "worker_autoscale"), "[celery] worker_autoscale"
            ),
            prefetch_multiplier=_whole(config, "worker_prefetch_multiplier", 1),
            has_remote_control=config.getboolean("celery", "worker_enable_remote_control"),
            soft_shutdown_timeout_s=_seconds(config, "worker_soft_shutdown_timeout"),
            liveness_file=config.get("celery", "worker_liveness_file").strip(),
            operation_timeout_s=_timeout_s(config),
            ssl=Ssl.read(config, url),
            visibility_timeout_s=_whole(config, "visibility_timeout", 1),
            global_keyprefix=config.get("celery", "global_keyprefix"),
            sentinel=Sentinel.read(config, url),
            extra=_extra(config),
        )


class Ssl(NamedTuple):
    """The files that encrypt and authenticate connections to the broker; any may be empty."""

    key: str
    cert: str
    ca: str

    @classmethod
    def read(cls, config: Config, url: str) -> Ssl | None:
        """Read the options; None unless they are switched on, or the broker's URL asks for TLS."""
        schemes = {one.strip().partition("://")[0] for one in url.split(";")}
        if not config.getboolean("celery", "ssl_active") and not schemes & _ENCRYPTED:
            return None
        ssl = cls(*(config.get("celery", name) for name in ("ssl_key", "ssl_cert", "ssl_cacert")))
        for name, path in zip(("ssl_key", "ssl_cert", "ssl_cacert"), ssl, strict=True):
            _check_readable(name, path)
        return ssl

    def options(self, *, is_redis: bool) -> dict[str, Any]:
        """Return them as Celery wants them; the broker's certificate and name are checked."""
        import ssl

        names = {"keyfile": self.key, "certfile": self.cert, "ca_certs": self.ca}
        options: dict[str, Any] = {name: path for name, path in names.items() if path}
        options["cert_reqs"] = ssl.CERT_REQUIRED
        if is_redis:
            options["check_hostname"] = True
            return {f"ssl_{name}": value for name, value in options.items()}
        return _WithHostname(options, server_hostname=None)


class _WithHostname(dict[str, Any]):
    """Options that kombu completes with the host of each broker that it tries, not the first's."""

    def __getitem__(self, name: str) -> Any:
        return None if name == "server_hostname" else super().__getitem__(name)


class Sentinel(NamedTuple):
    """The master's name, and how to reach the Sentinels that know where it is."""

    master_name: str
    kwargs: dict[str, Any]

    @classmethod
    def read(cls, config: Config, url: str) -> Sentinel | None:
        """Read the options; None where the broker's URL names no Sentinels."""
        if not url.startswith(f"{_SENTINEL}:"):
            return None
        name = config.get("celery", "master_name").strip()
        if not name:
            raise _config_error(
                "[celery] broker_url names Redis Sentinels, and master_name is empty. Set"
                " master_name to the name that they know the master by."
            )
        return cls(name, _sentinel_kwargs(config))

    def options(self, ssl: Ssl | None) -> dict[str, Any]:
        """Return them as the transport wants them; with TLS, Sentinels are reached by that, too."""
        kwargs = {} if ssl is None else {"ssl": True, **ssl.options(is_redis=True)}
        return {"master_name": self.master_name, "sentinel_kwargs": {**kwargs, **self.kwargs}}


def _sentinel_kwargs(config: Config) -> dict[str, Any]:
    import json

    text = config.get("celery", "sentinel_kwargs").strip() or "{}"
    try:
        kwargs = json.loads(text)
    except ValueError:
        kwargs = None
    if not isinstance(kwargs, dict):
        raise _config_error(
            '[celery] sentinel_kwargs is no JSON object. Make it one, such as {"password": "..."}.'
        )
    return kwargs


def read_autoscale(text: str, name: str) -> tuple[int, int] | None:
    """Read `most,fewest`; None if it is empty; raise `ConfigError` for anything else."""
    if not text.strip():
        return None
    most, _, fewest = text.partition(",")
    try:
        limits = int(most), int(fewest)
    except ValueError:
        limits = 0, 0
    if not 1 <= limits[1] <= limits[0]:
        raise _config_error(f"{name} is {text!r}. Make it two numbers, the larger one first: 16,4.")
    return limits


def _is_redis(url: str) -> bool:
    schemes = {one.strip().partition("://")[0] for one in url.split(";")}
    kinds = {_SCHEMES.get(scheme) for scheme in schemes}
    if len(kinds) != 1 or None in kinds or (_SENTINEL in schemes and len(schemes) > 1):
        raise _config_error(
            "[celery] broker_url does not name Redis or RabbitMQ. Make it begin with redis://,"
            " rediss://, sentinel://, amqp:// or amqps://."
        )
    return bool(kinds.pop())


def _queue_type(config: Config, url: str) -> str:
    kind = config.get("celery", "task_default_queue_type").strip()
    if kind not in {"classic", "quorum"}:
        raise _config_error(
            f"[celery] task_default_queue_type is {kind!r:.60}. Make it classic or quorum."
        )
    if kind == "quorum" and _is_redis(url):
        raise _config_error(
            "[celery] task_default_queue_type is quorum, which Redis does not have. Make it"
            " classic, or use RabbitMQ."
        )
    return kind


def _whole(config: Config, name: str, least: int) -> int:
    number = config.getint("celery", name)
    if number < least:
        raise _config_error(f"[celery] {name} is {number}. Make it {least} or more.")
    return number


def _seconds(config: Config, name: str) -> float:
    seconds = config.getfloat("celery", name)
    if not 0 <= seconds <= _DAY_S:
        raise _config_error(
            f"[celery] {name} is {seconds:g}. Make it 0 or more, and at most {_DAY_S}."
        )
    return seconds


def _timeout_s(config: Config) -> float:
    timeout_s = config.getfloat("celery", "operation_timeout")
    if not 0 < timeout_s <= _DAY_S:
        raise _config_error(
            f"[celery] operation_timeout is {timeout_s:g}. Make it more than 0, and at most"
            f" {_DAY_S}."
        )
    return timeout_s


def _extra(config: Config) -> dict[str, Any]:
    name = config.get("celery", "celery_config_options").strip()
    if not name:
        return {}
    from importlib import import_module

    module, _, attribute = name.rpartition(".")
    try:
        options = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise _config_error(
            f"[celery] celery_config_options: {name!r} cannot be imported ({error}). Name a dict,"
            " such as my_module.OPTIONS."
        ) from error
    if not isinstance(options, dict):
        raise _config_error(f"[celery] celery_config_options: {name} is no dict. Make it one.")
    return dict(options)


def _check_readable(name: str, path: str) -> None:
    if not path:
        return
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise _config_error(
            f"[celery] {name}: {path!r} cannot be read ({error.strerror}). Name a file in PEM"
            " format."
        ) from error


def _config_error(message: str) -> Exception:
    from airflow_lite.executors import ConfigError

    return ConfigError(message)


def is_loopback(broker_url: str) -> bool:
    """Return whether the broker is this machine's alone: so are all its workers then.

    Not if Sentinels say where it is: they may name another machine.
    """
    from urllib.parse import urlsplit

    if broker_url.startswith(_SENTINEL):
        return False
    hosts = {urlsplit(one.strip()).hostname for one in broker_url.split(";")}
    return hosts <= _LOOPBACK
