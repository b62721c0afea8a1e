#!/bin/sh
# Installs what the peers of `cargo bench --bench compare` need: npm's `ws`, and `websockets` in a Python venv.
# Takes `node`, `python` or both (the default). Says what cannot be had, and then exits 1.
set -u
cd "$(dirname "$0")" || exit 1
failed=0

miss() {
  echo "setup: $1" >&2
  failed=1
}

node_peer() {
  command -v node >/dev/null || { miss "no \`node\`: install Node.js 18 or newer for the Node peer"; return; }
  command -v npm >/dev/null || { miss "no \`npm\`: the Node peer needs it to install \`ws\`"; return; }
  npm ci --prefix node --no-audit --no-fund --silent || miss "\`npm ci\` failed: no registry, or no network?"
}

python_peer() {
  command -v python3 >/dev/null || { miss "no \`python3\`: install Python 3.11 or newer for the Python peer"; return; }
  rm -rf python/.venv
  python3 -m venv python/.venv || { miss "\`python3 -m venv\` failed: on Debian, install python3-venv"; return; }
  python/.venv/bin/pip install --quiet --disable-pip-version-check -r python/requirements.txt ||
    { rm -rf python/.venv; miss "\`pip install\` failed: no index, or no network?"; }
}

for peer in "${@:-node python}"; do
  for name in $peer; do
    case $name in
      node) node_peer ;;
      python) python_peer ;;
      *) miss "unknown peer \`$name\`, allowed: \`node\`, \`python\`" ;;
    esac
  done
done
exit $failed
