#!/usr/bin/env bash
# Installs the tools of `make chart` into the user's cache, once for all clones, each in the version that is named here.
set -euo pipefail
tools=${XDG_CACHE_HOME:-$HOME/.cache}/converge/tools
mkdir -p "$tools/bin"

# Compiles a program of Go once: `go_tool helm helm.sh/helm/v3/cmd/helm v3.22.0`.
go_tool() {
  local stamp="$tools/$1-$3"
  [ -e "$stamp" ] && return
  command -v go >/dev/null || { echo "go was not found: install Go 1.26 or newer, which compiles $1" >&2; exit 1; }
  echo "compiling $1 $3 (once)" >&2
  GOBIN="$tools/bin" go install "$2@$3"
  touch "$stamp"
}

go_tool helm helm.sh/helm/v3/cmd/helm v3.22.0
go_tool actionlint github.com/rhysd/actionlint/cmd/actionlint v1.7.12

# A program of ours over the operator's types.
types=$(dirname "$0")/operator-types
stamp="$tools/operator-types-$(cat "$types"/* | sha256sum | cut -c 1-16)"
if [ ! -e "$stamp" ]; then
  echo "compiling operator-types (once)" >&2
  go build -C "$types" -o "$tools/bin/operator-types" .
  touch "$stamp"
fi

if [ ! -x "$tools/python/bin/kubernetes-validate" ]; then
  command -v python3 >/dev/null || { echo "python3 was not found: install it, it runs kubernetes-validate" >&2; exit 1; }
  echo "installing kubernetes-validate (once)" >&2
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0
fi
