"""`scripts/bench publish --servers`: `sync:data` from PostgreSQL through RabbitMQ into Elasticsearch and Redis.

Candidates in turn: the limits (prepared `_bulk` bodies by two streams of curl; `redis-cli --pipe`; both at once), a plain
Python script (a server-side cursor, `parallel_bulk`, pipelines), and `reconcile sync:data` with RabbitMQ between. With
`format: spryker` the limit is what the same messages take through the broker alone (a Go client: persistent, confirmed,
consumed and acknowledged at the same time).
"""
import hashlib, json, multiprocessing, os, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
SERVICES = ["postgres", "rabbitmq", "redis", "elasticsearch"]
# As ours: one shard, no copies, nothing visible before it is asked for.
SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
BODY = 6_000_000
NAME = "bench_publish"
INDEX = "limit_page"


def address(service):
    return os.environ[f"RECONCILE_TEST_{service.upper()}"]


def ask(method, path, body=None, **more):
    request = urllib.request.Request(address("elasticsearch") + path, method=method, **more)
    if body is not None:
        request.data, _ = json.dumps(body).encode(), request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        return None if error.code == 404 else sys.exit(f"{path}: {error.read().decode()}")


def seconds(*work):
    started = time.monotonic()
    for child in [start() for start in work]:
        if child.wait():
            sys.exit(f"failed: {child.args}")
    return time.monotonic() - started


class Servers:
    """What is prepared once, and the candidates."""

    def __init__(self, work, psql, entities):
        self.work, self.psql, self.entities, self.memory = work, psql, entities, {}
        self.python = peer_python()
        self.broker = work / "broker"
        subprocess.run(["go", "build", "-o", self.broker, "."], cwd=FOLDER / "broker", check=True)
        # In a process of its own: what this one holds would count as its children's peak memory.
        prepared = multiprocessing.Process(target=self.prepare)
        prepared.start()
        prepared.join()
        if prepared.exitcode:
            sys.exit("nothing was prepared")
        self.bodies = sorted(work.glob("body*"))

    def rows(self, table):
        text = self.psql(NAME, f"COPY (SELECT key, data FROM {table} ORDER BY 1) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')\n")
        return [line.split("\x01", 1) for line in text.splitlines()]

    def prepare(self):
        stamp = ',"_timestamp":1700000000.123456}'
        bodies, sizes, body, size = [], [], [], 0
        for key, data in self.rows("product_search"):
            sizes.append(len(data))
            body.append(f'{{"index":{{"_id":"{key}"}}}}\n{data}\n')
            size += len(body[-1])
            if size > BODY:
                bodies.append("".join(body))
                body, size = [], 0
        bodies.append("".join(body))
        for at, text in enumerate(bodies):
            (self.work / f"body{at}").write_text(text)
        messages, pipe = [], []
        for key, data in self.rows("product_storage"):
            value = data[:-1] + stamp
            parts = ["SET", f"kv:{key}", value]
            pipe.append(f"*3\r\n" + "".join(f"${len(part.encode())}\r\n{part}\r\n" for part in parts))
            messages.append(f'{{"write":{{"key":"{key}","value":{value},"resource":"product","store":"","params":[]}}}}\n')
        (self.work / "pipe").write_text("".join(pipe), newline="")
        (self.work / "messages").write_text("".join(messages))
        print(f"{len(sizes)} documents of {sum(sizes) / len(sizes):.0f} bytes in search, "
              f"messages of {sum(map(len, messages)) / len(messages):.0f} bytes", flush=True)

    def empty(self):
        subprocess.run(["redis-cli", "-u", address("redis"), "FLUSHALL"], check=True, stdout=subprocess.DEVNULL)
        for index in json.loads(ask("GET", "/_cat/indices?format=json&h=index")):
            ask("DELETE", "/" + index["index"])

    def make_index(self):
        fields = {name: {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}} for name in ("name", "sku", "description")}
        mapping = {"dynamic": "strict", "properties": fields | {"weight": {"type": "long"}}}
        ask("PUT", f"/{INDEX}", {"settings": SETTINGS, "mappings": mapping})

    def curl(self, half):
        url = f"{address('elasticsearch')}/{INDEX}/_bulk?filter_path=errors"
        parts = []
        for body in self.bodies[half::2]:
            parts += ["--next"] if parts else []
            parts += ["-sS", "-o", "/dev/null", "-H", "Content-Type: application/x-ndjson", "--data-binary", f"@{body}", url]
        return lambda: subprocess.Popen(["curl", *parts])

    def pipe(self):
        return subprocess.Popen(["redis-cli", "-u", address("redis"), "--pipe"], stdin=open(self.work / "pipe", "rb"), stdout=subprocess.DEVNULL)

    def limit(self, to):
        self.empty()
        self.make_index()
        work = [self.curl(0), self.curl(1)] if to != "redis" else []
        took = seconds(*work, *([self.pipe] if to != "search" else []))
        self.check(to, INDEX)
        return took

    def peer(self, to):
        self.empty()
        self.make_index()
        script = [self.python, FOLDER / "publish_peer.py", to, INDEX]
        took = seconds(lambda: subprocess.Popen(script))
        self.check(to, INDEX)
        return took

    def ours(self, to, form="batch"):
        self.empty()
        write_manifest(self.work, to, form)
        subprocess.run([ROOT / "target/release/reconcile", "queue", "purge", "--yes", "sync.storage.product"], cwd=self.work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        command = [ROOT / "target/release/reconcile", "sync:data", "--format", "json"]
        started = time.monotonic()
        child = subprocess.Popen(command, cwd=self.work, stdout=subprocess.PIPE, text=True)
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        took = time.monotonic() - started
        if status:
            sys.exit("reconcile failed")
        self.memory[to, form] = max(self.memory.get((to, form), 0), usage.ru_maxrss / 1024)
        counts, wanted = json.loads(said), self.entities * (2 if to == "both" else 1)
        if counts["sent"] != wanted or counts["written"] + counts["outdated"] != wanted:
            sys.exit(f"wrong counts: {said}")
        self.check(to, "page")
        return took

    def alone(self):
        said = subprocess.run([self.broker, address("rabbitmq"), self.work / "messages"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return float(said)

    def check(self, to, index):
        if to != "redis":
            ask("POST", f"/{index}/_refresh")
            there = int(json.loads(ask("GET", f"/{index}/_count"))["count"])
            if there != self.entities:
                sys.exit(f"{index} holds {there}")
        if to != "search":
            scan = subprocess.run(["redis-cli", "-u", address("redis"), "--scan", "--pattern", "kv:*"], check=True, stdout=subprocess.PIPE).stdout
            if scan.count(b"\n") != self.entities:
                sys.exit(f"redis holds {scan.count(bytes([10]))}")


def write_manifest(work, to, form):
    outlets = {
        "redis": "storage: {table: product_storage, queue: sync.storage.product, key: {resource: product, suffix: id}}",
        "search": "search: {table: product_search, queue: sync.search.product, type: page, key: {resource: product, suffix: id},\n"
                  "           fields: {name: texts.name, sku: sku, description: texts.description, weight: weight}}",
    }
    wanted = [text for name, text in outlets.items() if to in (name, "both")]
    (work / "manifests/product.yaml").write_text(MANIFEST + "".join(f"  {text}\n" for text in wanted))
    (work / "reconcile.yaml").write_text(f"""instance: PROD
manifests: ./manifests
stateDirectory: ./state
environments:
  PROD:
    database: "{address('postgres').rsplit('/', 1)[0]}/{NAME}"
    publish: {{queue: {{url: "{address('rabbitmq')}", format: {form}}}, storage: "{address('redis')}", search: "{address('elasticsearch')}"}}
  TEST: {{database: "sqlite://test.db"}}
tables: {{allow: ["product*"]}}
""")


MANIFEST = """apiVersion: reconcile/v1
kind: Resource
metadata: {name: product}
spec:
  entity: {table: product, active: active}
  document:
    columns: [sku, weight]
    children:
      - {name: prices, table: product_price, columns: [currency, gross, net]}
      - {name: texts, table: product_text, columns: [locale, name, description]}
"""


def peer_python():
    wanted = FOLDER / "publish_peer.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "reconcile" / f"bench-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "-r", wanted], check=True)
        (folder / "ready").touch()
    return folder / "bin/python"


def first(work):
    """Fills the storage and search tables, through the embedded queue."""
    write_manifest(work, "both", "batch")
    text = (work / "reconcile.yaml").read_text()
    head, rest = text.split("    publish:", 1)
    (work / "reconcile.yaml").write_text(head + "    publish: {queue: embedded, storage: embedded, search: embedded}\n" + rest.split("\n", 1)[1])
    command = [ROOT / "target/release/reconcile", "publish:trigger-events", "--create-tables", "--no-wait"]
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
    command = [ROOT / "target/release/reconcile", "worker", "publish.product", "--stop-when-empty"]
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)


def bench(work, psql, options):
    first(work)
    psql(NAME, "VACUUM ANALYZE")
    servers = Servers(work, psql, options.entities)
    names = options.only.split(",") if options.only else ["search", "redis", "both", "spryker"]
    fastest = {}
    for _ in range(options.rounds):
        for name in names:
            if name == "spryker":
                found = {"limit": servers.alone(), "ours": servers.ours("redis", "spryker")}
            else:
                found = {"limit": servers.limit(name), "ours": servers.ours(name), "script": servers.peer(name)}
                if name == "both":
                    found["script through RabbitMQ"] = servers.peer("both-rabbitmq")
            for candidate, took in found.items():
                key = (name, candidate)
                fastest[key] = min(took, fastest.get(key, took))
            print(name, {key: round(took, 2) for key, took in found.items()}, flush=True)
    limits = {"search": 1.8, "redis": 8, "both": 2, "spryker": 1.5}
    for name in names:
        limit = fastest[name, "limit"]
        others = [f"{candidate} {took / limit:.2f}" for (of, candidate), took in fastest.items() if of == name and candidate not in ("limit", "ours")]
        print(f"{name}: {fastest[name, 'ours'] / limit:.2f} of the limit ({limit:.2f} s), at most {limits[name]} wanted"
              + (f"; {', '.join(others)}" if others else ""), flush=True)
    print("peak memory " + ", ".join(f"{to} ({form}) {memory:.0f} MB" for (to, form), memory in servers.memory.items()), flush=True)
