#!/bin/sh
# What is under packaging/ is well formed: man pages, scripts, unit, container recipe, Kubernetes manifests; and the
# configuration and rules in the manifests are ones that saker takes.
#   packaging.sh SOURCE_DIR BUILD_DIR
set -eu
top=$(cd "${1:?usage: packaging.sh SOURCE_DIR BUILD_DIR}" && pwd)
build=$(cd "${2:-$top/build}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
wrong() { echo "$*"; bad=1; }

for page in "$top"/packaging/man/*.[18] "$build/gen/saker.yaml.5"; do
	[ -s "$page" ] || { wrong "$page is not there"; continue; }
	if command -v mandoc >/dev/null; then
		mandoc -T lint -W warning "$page" >"$tmp/lint" 2>&1 || wrong "$(cat "$tmp/lint")"
	elif command -v man >/dev/null; then
		LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>"$tmp/lint" >/dev/null || :
		[ ! -s "$tmp/lint" ] || wrong "$page: $(cat "$tmp/lint")"
	fi
done
# every key that is served is in the page
grep -oE '^KEY\("[^"]+", [A-Z]+, [^"]*"[^"]*", "[^"]*", (SERVED|LATER|INERT)' "$top/src/daemon/config_keys.def" | grep -v ', MAP,' | cut -d'"' -f2 |
	while read -r key; do
		grep -qxF ".B $(printf '%s' "$key" | sed 's/-/\\-/g')" "$build/gen/saker.yaml.5" || echo "saker.yaml.5 lacks $key"
	done >"$tmp/keys"
[ ! -s "$tmp/keys" ] || wrong "$(cat "$tmp/keys")"
for s in "$top"/packaging/debian/p*; do
	sh -n "$s" || wrong "$s"
	[ -x "$s" ] || wrong "$s cannot be run"
done

if command -v systemd-analyze >/dev/null; then
	# the program and the pages are elsewhere on this machine
	sed "s|/usr/bin/saker|$build/saker|; /^Documentation/d" "$top/packaging/systemd/saker.service" >"$tmp/saker.service"
	if ! systemd-analyze verify "$tmp/saker.service" >"$tmp/unit" 2>&1 || grep -q 'saker.service' "$tmp/unit"; then
		grep -q 'Failed to \(create\|initialize\|open\|setup\)' "$tmp/unit" || wrong "unit: $(cat "$tmp/unit")"
	fi
fi

python3 - "$top" "$tmp" <<'P' || bad=1
import os, re, sys
top, tmp = sys.argv[1:]
bad = []
# the recipe: known instructions, sources that exist, stages that exist
stages, text = [], open(f"{top}/packaging/Dockerfile").read().replace("\\\n", " ")
for line in text.splitlines():
    line = line.strip()
    if not line or line.startswith("#"): continue
    word, rest = line.split(None, 1)
    if word not in ("FROM", "COPY", "WORKDIR", "RUN", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"): bad.append(f"Dockerfile: {word}")
    if not stages and word != "FROM": bad.append("Dockerfile does not begin with FROM")
    if word == "FROM": stages.append(rest.split()[2] if " AS " in rest else "")
    m = re.match(r"--from=(\S+)\s", rest)
    if word == "COPY" and m and m.group(1) not in stages: bad.append(f"Dockerfile: no stage {m.group(1)}")
    if word == "COPY" and not m and not os.path.exists(f"{top}/{rest.split()[0]}"): bad.append(f"Dockerfile: {rest}")
try:
    import yaml
except ImportError:
    print("left out: Kubernetes manifests (python3-yaml is not installed)")
    yaml = None
if yaml:
    objs = []
    for f in sorted(os.listdir(f"{top}/packaging/kubernetes")):
        for o in yaml.safe_load_all(open(f"{top}/packaging/kubernetes/{f}")):
            if not all(k in o for k in ("apiVersion", "kind", "metadata")) or "name" not in o["metadata"]: bad.append(f"{f}: not an object")
            else: objs.append(o)
    have = {(o["kind"], o["metadata"]["name"]) for o in objs}
    for o in objs:
        if o["kind"] != "Namespace" and ("Namespace", o["metadata"].get("namespace")) not in have: bad.append(f"{o['kind']}: namespace")
        if o["kind"] == "ConfigMap":
            for name, data in o["data"].items():
                yaml.safe_load(data)
                open(f"{tmp}/{'config' if name == 'saker.yaml' else 'rules'}.yaml", "w").write(data)
    d = [o for o in objs if o["kind"] == "DaemonSet"][0]
    pod = d["spec"]["template"]["spec"]
    labels = d["spec"]["template"]["metadata"]["labels"]
    if any(labels.get(k) != v for k, v in d["spec"]["selector"]["matchLabels"].items()): bad.append("selector does not fit the pods")
    if ("ServiceAccount", pod["serviceAccountName"]) not in have: bad.append("no such service account")
    volumes = {v["name"]: v for v in pod["volumes"]}
    for v in volumes.values():
        if "configMap" in v and ("ConfigMap", v["configMap"]["name"]) not in have: bad.append(f"no such config map: {v}")
    for c in pod["containers"]:
        ports = {p["name"] for p in c["ports"]}
        for p in ("startupProbe", "livenessProbe", "readinessProbe"):
            if c[p]["httpGet"]["port"] not in ports: bad.append(f"{p}: no such port")
        for m in c["volumeMounts"]:
            if m["name"] not in volumes: bad.append(f"no such volume: {m}")
print("\n".join(bad))
sys.exit(bool(bad))
P
if [ -s "$tmp/config.yaml" ] && [ -x "$build/saker" ]; then
	"$build/saker" -c "$tmp/config.yaml" -r "$top/rules/saker_rules.yaml" -r "$tmp/rules.yaml" -o log_level=warning --dry-run >"$tmp/out" 2>&1 || wrong "the ConfigMap's configuration: $(cat "$tmp/out")"
	! grep -i warning "$tmp/out" || wrong "the ConfigMap's configuration is warned of"
fi
[ -x "$build/saker" ] && { "$build/saker" -c "$top/saker.yaml" -r "$top/rules/saker_rules.yaml" --dry-run >"$tmp/out" 2>&1 || wrong "saker.yaml: $(cat "$tmp/out")"; }
[ $bad = 0 ] && echo "packaging: pages, scripts, unit, recipe and manifests are well formed"
exit $bad
