"""What tests/deploy.sh runs: each file of deploy/ and publiccode.yml is checked by one of CHECKS; a file that none of them is
for is a fault. Afterwards the FAULTS are put in, one by one, into a copy, and each must be noticed.

Usage: deploy.py BINARY, in the environment of tests/postgres.sh, with the Python that has the linters.
"""

import fnmatch
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.parse
import urllib.request
from pathlib import Path

import promql_parser
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
BINARY = sys.argv[1]
TEST_SERVER = os.environ["KOMMUNALATLAS_TEST_POSTGRES"]
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
# A hardened unit is at most this exposed, on the scale of `systemd-analyze security` from 0 to 10.
MOST_EXPOSED = 1.2


class Fault(Exception):
    """Something is wrong with a file."""


def run(*command, **options):
    """Runs a command; a Fault with what it said if it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Fault(f"{Path(str(command[0])).name}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def insist(condition, sentence):
    if not condition:
        raise Fault(sentence)


def sources():
    return {path: path.read_text() for path in (PROJECT / "src").rglob("*.rs")}


# What the program really knows, from its sources: the settings and the names of its metrics.
CONFIG = (PROJECT / "src/config.rs").read_text()
KEYS = set(re.findall(r'"([a-z_]+)"', re.search(r"const KEYS: .*?= \[(.*?)\];", CONFIG, re.DOTALL)[1]))
METRICS = {name: kind for text in sources().values()
           for kind, name in re.findall(r'\b(counter|gauge|histogram)!\(\s*"(kommunalatlas_[a-z_]+)"', text)}


def known_settings(text):
    for name in set(re.findall(r"KOMMUNALATLAS_([A-Z_]+[A-Z])", text)):
        insist(name.lower() in KEYS, f"the program has no setting {name.lower()}")


def accepted(environment=None, file=None):
    """The program takes these settings, but for the store, which is one in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        if file is not None:
            (Path(folder) / "kommunalatlas.toml").write_text(file)
        own = {name: value for name, value in os.environ.items() if not name.startswith("KOMMUNALATLAS_")}
        environment = {**own, **(environment or {}), "KOMMUNALATLAS_STORE": f"{folder}/atlas.gpkg"}
        run(BINARY, "migrate", cwd=folder, env=environment)


# -- one function for each kind of file -------------------------------------------------------------------------------


def dockerfile(path, root):
    run(BIN / "hadolint", path)
    text = path.read_text()
    known_settings(text)
    insist(re.search(r"^USER 10001", text, re.MULTILINE), "the image runs as root")
    copied = {s for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for s in line.split()[:-1]}
    for source in copied:
        insist((PROJECT / source).exists(), f"there is no {source} to copy")
    folders = {source.split("/")[0] for source in copied}
    for file, code in sources().items():
        if file.name == "tests.rs":
            continue
        code = code.split("#[cfg(test)]")[0]
        for included in re.findall(r'include_(?:str|bytes|dir)!\("([^"]+)"\)', code):
            top = (file.parent / included).resolve().relative_to(PROJECT).parts[0]
            insist(top in folders, f"{file.name} includes a file of {top}/, which the image is built without")
        for folder in re.findall(r'#\[folder = "([^"]+)"\]', code):
            insist(folder.split("/")[0] in folders, f"{file.name} includes {folder}, which the image is built without")


def dockerignore(path, root):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    insist(lines[0] == "*", "the first line does not leave out everything")
    kept = {line[1:] for line in lines if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--)(.*)$", (root / "deploy/Dockerfile").read_text(), re.MULTILINE)
    copied = {source.split("/")[0] for line in copies for source in line.split()[:-1]}
    insist(kept == copied, f"kept and copied differ: {sorted(kept ^ copied)}")


def compose(path, root):
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    text = path.read_text()
    known_settings(text)
    document = yaml.safe_load(text)
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (path.parent / "compose.env.example").read_text(), re.MULTILINE))
    for name, service in document["services"].items():
        environment = {key: re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: example.get(found[1], ""), str(value))
                       for key, value in service.get("environment", {}).items()}
        if any(key.startswith("KOMMUNALATLAS_") for key in environment):
            accepted(environment=environment)
        insist(service.get("read_only") is True, f"{name}: the root can be written")
        insist(service.get("cap_drop") == ["ALL"], f"{name}: keeps capabilities")
        waited = service.get("depends_on", {}).values()
        if any(c["condition"] == "service_healthy" for c in waited):
            for other in service["depends_on"]:
                insist("healthcheck" in document["services"][other], f"{name} waits for {other}, which has no healthcheck")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            # The certificates are the administrator's.
            insist(not source.startswith(".") or source == "./tls" or (path.parent / source).is_file(),
                   f"{name}: there is no {source}")
            insist(source.startswith(".") or source in document["volumes"], f"{name}: there is no volume {source}")
        for network in service["networks"]:
            insist(network in document["networks"], f"{name}: there is no network {network}")


def compose_environment(path, root):
    names = set(re.findall(r"^([A-Z_]+)=.*$", path.read_text(), re.MULTILINE))
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    insist(len(names) == len(lines), "a line is no NAME=VALUE")
    used = set(re.findall(r"\$\{([A-Z_]+)", (root / "deploy/compose.yaml").read_text()))
    insist(names == used, f"compose.yaml takes other variables: {sorted(names ^ used)}")


def kubernetes(path, root):
    run(BIN / "kubernetes-validate", "--strict", "--quiet", path)
    known_settings(path.read_text())
    documents = list(yaml.safe_load_all(path.read_text()))
    everything = [d for p in path.parent.glob("*.yaml") for d in yaml.safe_load_all(p.read_text())]
    pods = [d["spec"]["template"]["metadata"]["labels"] for d in everything if d["kind"] in ("Deployment", "Job")]
    for document in documents:
        name, spec = f"{document['kind']} {document['metadata']['name']}", document.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector") or {}
        labels = selector.get("matchLabels", selector)
        insist(not labels or any(labels.items() <= pod.items() for pod in pods), f"{name} selects no pod")
        if document["kind"] in ("Deployment", "Job"):
            pod = spec["template"]["spec"]
            insist(pod["securityContext"]["runAsNonRoot"] is True, f"{name} runs as root")
            for container in pod["containers"] + pod.get("initContainers", []):
                insist(container["securityContext"]["readOnlyRootFilesystem"] is True, f"{name}: the root can be written")
                insist(not any("value" in variable for variable in container.get("env", [])),
                       f"{name}: a value stands where a reference should")
        if document["kind"] == "Deployment":
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                insist(probe in pod["containers"][0], f"{name} has no {probe}")
        if document["kind"] == "ConfigMap":
            accepted(environment=document["data"])
        insist(document["kind"] != "Secret", f"{name}: secrets stand in no file")


def systemd(path, root):
    with tempfile.TemporaryDirectory() as folder:
        # The check wants to find the programs.
        text = path.read_text()
        for program in re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE):
            stand_in = BINARY if program.endswith("/kommunalatlas") else root / "deploy" / Path(program).name
            insist(Path(stand_in).exists(), f"there is no {program}")
            text = text.replace(program, str(stand_in))
        copy = Path(folder) / path.name
        copy.write_text(text)
        if path.suffix == ".timer":
            service = path.with_suffix(".service")
            insist(service.is_file(), f"there is no {service.name} to start")
            shutil.copy(service, folder)
            (Path(folder) / service.name).write_text("[Service]\nExecStart=/bin/true\n")
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
        insist(said.returncode == 0 and not said.stderr.strip(), f"systemd-analyze verify: {said.stderr.strip()}")
        if path.suffix == ".service":
            said = run("systemd-analyze", "security", "--offline=yes", "--no-pager", copy)
            score = float(re.search(r"Overall exposure level.*: ([0-9.]+)", said)[1])
            print(f"deploy: {path.name}: exposure {score}")
            insist(score <= MOST_EXPOSED, f"its exposure is {score}, more than {MOST_EXPOSED}")


def caddy(path, root):
    run("caddy", "validate", "--config", path, "--adapter", "caddyfile", env={**os.environ, "HOME": "/tmp"})
    insist(run("caddy", "fmt", path) == path.read_text(), "it is not formatted as `caddy fmt` does")


def nginx(path, root):
    """`nginx -t`, with a certificate of its own, folders that are there, and names that are known."""
    with tempfile.TemporaryDirectory() as folder:
        subject = ["-subj", "/CN=atlas.example.org", "-days", "2", "-nodes"]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *subject,
            "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem")
        text = path.read_text()
        # What is commented out as a choice is read too.
        text = re.sub(r"^(\s*)# ((?:listen|ssl_\w+|add_header) .*;)$", r"\1\2", text, flags=re.MULTILINE)
        text = re.sub(r"(ssl_certificate\s+)\S+;", rf"\1{folder}/certificate.pem;", text)
        text = re.sub(r"(ssl_certificate_key\s+)\S+;", rf"\1{folder}/key.pem;", text)
        text = re.sub(r"(proxy_cache_path\s+)\S+", rf"\1{folder}/cache", text)
        text = re.sub(r"\bserver-\d:", "127.0.0.1:", text)
        text = text.replace("/dev/stdout", f"{folder}/access.log")
        (Path(folder) / "site.conf").write_text(text)
        (Path(folder) / "nginx.conf").write_text(
            f"pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; include {folder}/site.conf; }}")
        run("/usr/sbin/nginx", "-t", "-q", "-p", folder, "-c", f"{folder}/nginx.conf")
        insist("$http_authorization" in text and "$http_cookie" in text and "proxy_no_cache" in text,
               "what has credentials may be kept")


def names_in(expression):
    """The metrics of a PromQL expression, which is parsed."""
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        raise Fault(f"'{expression}': {error}") from error
    return set(re.findall(r"\bkommunalatlas_[a-z_]+", expression))


def known_metric(name):
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return name in METRICS or METRICS.get(base) == "histogram"


def grafana(path, root):
    document = json.loads(path.read_text())
    ids = [panel["id"] for panel in document["panels"]]
    insist(len(set(ids)) == len(ids), "two panels have one id")
    used = set()
    for panel in document["panels"]:
        insist(panel["type"] == "row" or panel["targets"], f"{panel['title']} shows nothing")
        for target in panel.get("targets", []):
            used |= names_in(target["expr"].replace("$job", "x"))
    for variable in document["templating"]["list"]:
        used |= set(re.findall(r"kommunalatlas_[a-z_]+", str(variable["query"])))
    insist(used, "it shows no metric")
    for name in sorted(used):
        insist(known_metric(name), f"the server has no metric {name}")


def shell(path, root):
    insist(path.stat().st_mode & stat.S_IXUSR, "it cannot be executed")
    run("shellcheck", path)


def psql(address, *arguments, **options):
    return run(POSTGRES / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", address, *arguments, **options)


def database(path, root):
    """The scripts of deploy/postgres in the order of their headers: make, migrate, give rights; then a server signs in."""
    shell(path.parent / "create.sh", root)
    server = urllib.parse.urlsplit(TEST_SERVER)
    at = f"{server.hostname}:{server.port}"
    name = f"deploy_{os.getpid()}"
    owner, staff = f"postgres://atlas_owner:o@{at}/{name}", f"postgres://atlas_server:s@{at}/{name}"
    admin = f"postgres://postgres@{at}/postgres"
    environment = {**os.environ, "OWNER_PASSWORD": "o", "SERVER_PASSWORD": "s", "DATABASE": name,
                   "PATH": f"{POSTGRES}:{os.environ['PATH']}"}
    try:
        run(path.parent / "create.sh", "-h", server.hostname, "-p", server.port, "-U", "postgres", env=environment)
        run(BINARY, "migrate", "--store", owner)
        for _ in range(2):
            psql(owner, "-f", path.parent / "roles.sql")
        run(BINARY, "atlas", "create", "kreis-a", "--title", "Kreis A", "--store", staff)
        refused = subprocess.run([POSTGRES / "psql", "-X", "-d", staff, "-c", "CREATE TABLE kommunalatlas.x (a int)"],
                                 capture_output=True, check=False)
        insist(refused.returncode != 0, "the role of the servers may make tables")
        readable = psql(owner, "-c", "SELECT count(*) FROM information_schema.role_table_grants "
                                     "WHERE grantee = 'kommunalatlas_public' AND table_schema <> 'kommunalatlas_public'")
        insist(readable.strip() == "0", "the role of the public reads internal tables")
        serves(staff)
    finally:
        psql(admin, "-c", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "-c", "DROP ROLE IF EXISTS atlas_owner",
             "-c", "DROP ROLE IF EXISTS atlas_server")


def serves(store):
    """A server of this store becomes ready."""
    port = run("python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
    url = f"http://127.0.0.1:{port.strip()}/health/ready"
    command = [BINARY, "serve", "--store", store, "--listen", f"127.0.0.1:{port.strip()}"]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(url, timeout=2).close()
                    return
                except OSError:
                    insist(server.poll() is None, "the server ended")
                    time.sleep(0.1)
            log.seek(0)
            raise Fault(f"the server does not become ready: {log.read()[-1000:]}")
        finally:
            server.terminate()


def settings(path, root):
    for key in tomllib.loads(path.read_text()):
        insist(key in KEYS, f"the program has no setting {key}")
    accepted(file=path.read_text())


def bill_of_materials(path, root):
    document = run("node", path, cwd=PROJECT)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document)
    insist(error is None, f"no valid CycloneDX: {error}")
    purls = {component["purl"] for component in json.loads(document)["components"]}
    for kind in ("pkg:cargo/axum@", "pkg:npm/maplibre-gl@"):
        insist(any(purl.startswith(kind) for purl in purls), f"{kind}… is lacking")


def commands_of(text):
    """The commands of the program that a text names: the words after its name, as far as they are no arguments."""
    for words in re.findall(r"(?:`|^ {4,}|&& |-- )kommunalatlas((?: [a-z][a-z-]+)+)", text, re.MULTILINE):
        yield tuple(words.split())


HELP = {}


def subcommands(words):
    """What may come after these words."""
    if words not in HELP:
        said = run(BINARY, *words, "--help")
        listed = said.partition("Commands:\n")[2].partition("\n\n")[0]
        HELP[words] = set(re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE))
    return HELP[words]


def markdown(path, root):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            insist((path.parent / target).exists(), f"a link leads nowhere: {target}")
    for named in re.findall(r"`((?:deploy|tests|benches|src|migrations)/[\w./-]+)`", text):
        insist((root / named).exists() or (PROJECT / named).exists(), f"there is no {named}")
    for words in commands_of(text):
        known = ()
        for word in words:
            if not subcommands(known):
                break
            insist(word in subcommands(known), f"the program has no command '{' '.join(known + (word,))}'")
            known += (word,)
    for key in re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", text):
        table = any(f"CREATE TABLE {key} (" in p.read_text() for p in (PROJECT / "migrations").rglob("*.sql"))
        insist(key in KEYS or key in METRICS or table or key.startswith(("kommunalatlas_", "atlas_", "pg_")),
               f"there is no setting, metric or table {key}")


def publiccode(path, root):
    """The obligatory fields of the standard's version 0.4, and what it says of their values."""
    document = yaml.safe_load(path.read_text())
    allowed = {"publiccodeYmlVersion", "name", "applicationSuite", "url", "landingURL", "isBasedOn", "softwareVersion",
               "releaseDate", "logo", "platforms", "categories", "usedBy", "roadmap", "developmentStatus", "softwareType",
               "intendedAudience", "description", "legal", "maintenance", "localisation", "dependsOn", "fundedBy"}
    insist(document.keys() <= allowed, f"unknown fields: {sorted(document.keys() - allowed)}")
    insist(document["publiccodeYmlVersion"] == "0.4", "another version of the standard")
    for field in ("name", "url", "platforms", "developmentStatus", "softwareType"):
        insist(document.get(field), f"{field} is lacking")
    insist(re.match(r"https://\S+$", document["url"]), "url is no address")
    insist(document["developmentStatus"] in {"concept", "development", "beta", "stable", "obsolete"}, "developmentStatus")
    insist(document["softwareType"] in {"standalone/mobile", "standalone/iot", "standalone/desktop", "standalone/web",
                                        "standalone/backend", "standalone/other", "addon", "library",
                                        "configurationFiles"}, "softwareType")
    insist(document["description"], "description is lacking")
    for language, text in document["description"].items():
        insist(1 <= len(text["shortDescription"]) <= 150, f"{language}: shortDescription")
        insist(150 <= len(text["longDescription"]) <= 10_000, f"{language}: longDescription")
        insist(text["features"] and all(len(f) <= 100 for f in text["features"]), f"{language}: features")
    insist(document["legal"]["license"] == cargo()["license"], "another licence than that of Cargo.toml")
    insist(document["softwareVersion"] == cargo()["version"], "another version than that of Cargo.toml")
    maintenance = document["maintenance"]
    insist(maintenance["type"] in {"internal", "contract", "community", "none"}, "maintenance/type")
    if maintenance["type"] in {"internal", "community"}:
        insist(all(contact["name"] for contact in maintenance["contacts"]), "maintenance/contacts")
    insist(isinstance(document["localisation"]["localisationReady"], bool), "localisation/localisationReady")
    insist(document["localisation"]["availableLanguages"], "localisation/availableLanguages")


def cargo():
    return tomllib.loads((PROJECT / "Cargo.toml").read_text())["package"]


CHECKS = [
    ("publiccode.yml", publiccode),
    ("deploy/Dockerfile", dockerfile),
    ("deploy/Dockerfile.dockerignore", dockerignore),
    ("deploy/compose.yaml", compose),
    ("deploy/compose.env.example", compose_environment),
    ("deploy/kubernetes/*.yaml", kubernetes),
    ("deploy/systemd/*.service", systemd),
    ("deploy/systemd/*.timer", systemd),
    ("deploy/caddy/Caddyfile", caddy),
    ("deploy/nginx/*.conf", nginx),
    ("deploy/grafana/*.json", grafana),
    ("deploy/postgres/roles.sql", database),
    ("deploy/postgres/create.sh", database),
    ("deploy/*.sh", shell),
    ("deploy/*.toml", settings),
    ("deploy/sbom.mjs", bill_of_materials),
    ("deploy/*.md", markdown),
]


def check_of(name):
    return next((check for pattern, check in CHECKS if fnmatch.fnmatch(name, pattern)), None)


def files(root):
    found = [path for path in (root / "deploy").rglob("*") if path.is_file()]
    # Certificates and passwords of whoever runs compose here.
    own = {root / "deploy/.env"}
    kept = [p for p in found if p not in own and root / "deploy/tls" not in p.parents]
    return sorted(kept) + [root / "publiccode.yml"]


def examine(path, root):
    """None, or what is wrong with a file."""
    name = str(path.relative_to(root))
    check = check_of(name)
    try:
        if check is None:
            raise Fault("no check is for this file")
        index = (root / "deploy/README.md").read_text()
        insist(name in ("deploy/README.md", "publiccode.yml") or name.removeprefix("deploy/") in index
               or f"]({name.split('/')[1]}/" in index and "/" in name.removeprefix("deploy/"),
               "deploy/README.md does not name it")
        check(path, root)
    except Fault as fault:
        return f"{name}: {fault}"
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        return f"{name}: {type(error).__name__}: {error}"
    return None


# One fault of each kind: file, what stands there, what is written instead, and a part of what the check must say.
FAULTS = [
    ("publiccode.yml", "developmentStatus: development", "developmentStatus: soon", "developmentStatus"),
    ("deploy/Dockerfile", "USER 10001:10001", "USER root", "root"),
    ("deploy/Dockerfile", "COPY styles styles\n", "", "styles"),
    ("deploy/Dockerfile", "RUN npm ci", "RUN cd /src && npm ci", "DL3003"),
    ("deploy/Dockerfile.dockerignore", "!migrations\n", "", "migrations"),
    ("deploy/compose.yaml", "stop_grace_period: 40s", "stop_grace_periode: 40s", "stop_grace_periode"),
    ("deploy/compose.yaml", "KOMMUNALATLAS_STOP_DELAY_SECONDS", "KOMMUNALATLAS_STOP_DELAY", "stop_delay"),
    ("deploy/compose.yaml", "./postgres/roles.sql", "./postgres/role.sql", "role.sql"),
    ("deploy/compose.env.example", "OWNER_PASSWORD=", "OWNERS_PASSWORD=", "OWNERS_PASSWORD"),
    ("deploy/kubernetes/servers.yaml", "periodSeconds: 3", "periodSecond: 3", "periodSecond"),
    ("deploy/kubernetes/servers.yaml", "minAvailable: 1", "minAvailable: [1]", "minAvailable"),
    ("deploy/kubernetes/network.yaml", "matchLabels: {app.kubernetes.io/name: kommunalatlas}",
     "matchLabels: {app.kubernetes.io/name: atlas}", "selects no pod"),
    ("deploy/kubernetes/configuration.yaml", "KOMMUNALATLAS_PUBLIC_URL", "KOMMUNALATLAS_PUBLIC_ULR", "public_ulr"),
    ("deploy/kubernetes/configuration.yaml", "LOG_FORMAT: json", "LOG_FORMAT: yaml", "yaml"),
    ("deploy/systemd/kommunalatlas.service", "ProtectSystem=strict", "ProtectSystem=strickt", "strickt"),
    ("deploy/systemd/kommunalatlas.service", "SystemCallFilter=@system-service\n", "", "exposure"),
    ("deploy/systemd/kommunalatlas-backup.service", "backup.sh /var", "backups.sh /var", "backups.sh"),
    ("deploy/systemd/kommunalatlas-backup.timer", "02:30:00", "26:30:00", "26:30:00"),
    ("deploy/caddy/Caddyfile", "reverse_proxy", "reverse_proxi", "reverse_proxi"),
    ("deploy/nginx/compose.conf", "proxy_cache_lock on", "proxy_cache_look on", "proxy_cache_look"),
    ("deploy/nginx/compose.conf", "ssl_session_tickets off", "ssl_session_tickets of", "ssl_session_tickets"),
    ("deploy/grafana/kommunalatlas.json", "kommunalatlas_pool_waiting", "kommunalatlas_pool_queue", "pool_queue"),
    ("deploy/grafana/kommunalatlas.json", "sum by (status) (", "sum by (status) ((", "sum by"),
    ("deploy/grafana/kommunalatlas.json", '"panels": [', '"panels": ', "JSONDecodeError"),
    ("deploy/postgres/roles.sql", "GRANT USAGE ON SCHEMA %I TO kommunalatlas_staff",
     "GRANT USAGE ON SCHEMA %I TO kommunalatlas_stuff", "kommunalatlas_stuff"),
    ("deploy/postgres/create.sh", "IN ROLE kommunalatlas_staff", "", "does not exist"),
    ("deploy/backup.sh", 'quoted "$2"', "quoted $2", "SC2086"),
    ("deploy/restore.sh", "#!/bin/sh", "#!/bin/sh\necho ${a[1]}", "SC"),
    ("deploy/kommunalatlas.toml", "session_hours", "session_hour", "session_hour"),
    ("deploy/kommunalatlas.toml", "session_hours = 12", "session_hours = ", "TOMLDecodeError"),
    ("deploy/sbom.mjs", 'type: "application"', 'type: "programme"', "CycloneDX"),
    ("deploy/runbook.md", "](update.md", "](updates.md", "updates.md"),
    ("deploy/runbook.md", "`kommunalatlas check", "`kommunalatlas chek", "chek"),
    ("deploy/data-protection.md", "`audit_log_days", "`audit_log_day", "audit_log_day"),
    ("deploy/new.ini", None, "a = 1\n", "no check is for this file"),
]


def notices(number, fault):
    """None, or why a fault was not noticed."""
    name, old, new, expected = fault
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(PROJECT / "deploy", root / "deploy")
        shutil.copy(PROJECT / "publiccode.yml", root)
        # Links of the documentation lead there too.
        for beside in ("README.md", "benches", "tests", "src", "NOTICE", "demo", "migrations"):
            (root / beside).symlink_to(PROJECT / beside)
        path = root / name
        if old is None:
            path.write_text(new)
        else:
            text = path.read_text()
            if old not in text:
                return f"fault {number} does not fit {name}: it has no '{old}'"
            path.write_text(text.replace(old, new))
        said = examine(path, root)
    if said is None:
        return f"fault {number} in {name} was not noticed: '{old}' became '{new}'"
    if expected not in said:
        return f"fault {number} in {name} was noticed for another reason ('{expected}' expected): {said}"
    return None


def main():
    found = files(PROJECT)
    wrong = [said for said in (examine(path, PROJECT) for path in found) if said]
    for said in wrong:
        print(said, file=sys.stderr)
    if wrong:
        return 1
    print(f"deploy: {len(found)} files are as they should be")
    kinds = {check_of(str(path.relative_to(PROJECT))) for path in found}
    untried = kinds - {check_of(name) for name, *_ in FAULTS}
    wrong = [f"no fault tries the check '{check.__name__}'" for check in untried]
    wrong += [said for said in (notices(n, fault) for n, fault in enumerate(FAULTS, 1)) if said]
    for said in wrong:
        print(said, file=sys.stderr)
    print(f"deploy: {len(FAULTS)} faults, of every kind of file, are noticed" if not wrong else "deploy: faults unnoticed")
    return 1 if wrong else 0


sys.exit(main())
