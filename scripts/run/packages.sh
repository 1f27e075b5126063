# Packages of Debian and Ubuntu that the commands of ./run need, installed when one is missing.
build_packages=(g++ cmake ninja-build pkg-config libeigen3-dev libfmt-dev libopenblas-openmp-dev libpcre2-dev
                nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libutf8proc-dev libsentencepiece-dev libcpp-httplib-dev
                libbenchmark-dev)
test_packages=(catch2 python3)
plot_packages=(python3 python3-matplotlib)
python_packages=(python3 python3-venv python3-dev)
# From PyPI: what the Python package is built with (pyproject.toml) and tested with.
python_requirements=('nanobind>=2.4' 'numpy>=1.24' pytest mypy pandas pyarrow matplotlib
                     datasets nbclient nbformat ipykernel)
fetch_packages=(python3 ca-certificates)
# One clang for the second compiler, the sanitizers, the fuzzers, the formatter and the linter. Another version finds
# other faults and formats differently, so the version is fixed.
clang_version=19
clang_packages=(clang-$clang_version libclang-rt-$clang_version-dev libomp-$clang_version-dev)
format_packages=(clang-format-$clang_version)
tidy_packages=(clang-tidy-$clang_version clang-$clang_version libomp-$clang_version-dev python3)

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# A tool that is on PATH already need not come from a package.
present() {
  case $1 in
    clang-[0-9]*) command -v "clang++-${1#clang-}" >/dev/null ;;
    g++ | cmake | python3 | clang-format-* | clang-tidy-*) command -v "$1" >/dev/null || installed "$1" ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    python3-dev) [[ -f $(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]] ;;
    ninja-build) command -v ninja >/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    *) installed "$1" ;;
  esac
}

# apt_progress: reads apt-get's output with its status lines, `dlstatus:N:PERCENT:TEXT` and `pmstatus:PACKAGE:PERCENT:TEXT`.
apt_progress() {
  local kind name percent text
  while IFS=: read -r kind name percent text; do
    case $kind in
      dlstatus) progress "downloading packages: ${percent%%.*} %" ;;
      pmstatus) progress "installing packages: ${percent%%.*} %" ;;
      *) printf '%s\n' "$kind${name:+:$name}${percent:+:$percent}${text:+:$text}" >>build/packages.log ;;
    esac
  done
  clear_progress
}

# need PACKAGE...: installs those that are missing; does nothing when none is.
need() {
  command -v dpkg-query >/dev/null || { say "no dpkg on this system: install the equivalents of: $*"; return 0; }
  local missing=() package sudo=()
  for package in "$@"; do present "$package" || missing+=("$package"); done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "missing packages: ${missing[*]}; install them as root (sudo was not found)"
    sudo=(sudo)
  fi
  say "installing: ${missing[*]}"
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  progress "reading the lists of packages"
  quietly build/packages-update.log "${apt[@]}" update || say "apt-get update failed; using the lists of the last update"
  local install=("${apt[@]}" install -y --no-install-recommends)
  if live; then
    mkdir -p build
    : >build/packages.log
    "${install[@]}" -o APT::Status-Fd=1 "${missing[@]}" 2>&1 | apt_progress ||
      { tail -n 30 build/packages.log >&2; die "could not install: ${missing[*]}; the whole output: build/packages.log"; }
  else
    "${install[@]}" "${missing[@]}" >&2 || die "could not install: ${missing[*]}"
  fi
}
