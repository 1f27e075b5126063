# The checks of ./run: tests, sanitizers, headers, mutants, fuzzing, format and lint.

# check PRESET TARGET LABELS [CMAKE_OPTION...]: builds a target of one preset and runs the tests whose label matches a
# regular expression ("": all tests); leaves a JUnit file for the count.
check() {
  local preset=$1 target=$2 labels=$3 junit
  shift 3
  junit=$PWD/build/$preset/junit.xml
  rm -f "$junit"
  build "$preset" "$target" -DZOFO_BUILD_TESTS=ON "$@" || { say "$preset: the build failed"; return 1; }
  ctest --preset "$preset" --parallel "$jobs" ${labels:+--label-regex "$labels"} --output-junit "$junit" \
    --test-output-size-passed 1000000 --test-output-size-failed 1000000 --no-tests=error
}

run_tests() {
  need "${build_packages[@]}" "${test_packages[@]}"
  local failed=0
  check release all "" -DZOFO_BUILD_BENCH=ON -DZOFO_PYTHON=OFF || failed=1
  python3 scripts/count_tests.py build/release/junit.xml || failed=1
  return $failed
}

# The Python package and its tests, in an environment of Python with the packages of PyPI that they need.
python_package() {
  need "${build_packages[@]}" "${test_packages[@]}" "${python_packages[@]}"
  local folder=$PWD/build/python-environment junit=$PWD/build/release/junit-python.xml failed=0
  progress "installing packages of Python"
  { [[ -x $folder/bin/python ]] || quietly build/python-environment.log python3 -m venv "$folder"; } &&
    quietly build/python-environment.log "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
      "${python_requirements[@]}" || die "could not install from PyPI: ${python_requirements[*]}"
  rm -f "$junit"
  configure release -DZOFO_BUILD_TESTS=ON -DZOFO_BUILD_BENCH=ON -DZOFO_PYTHON=ON \
    "-DPython_EXECUTABLE=$folder/bin/python" &&
    compile build/release zofo_python zofo_python_trajectories zofo_program &&
    ctest --preset release --tests-regex '^python$' --output-junit "$junit" --no-tests=error || failed=1
  python3 scripts/count_tests.py "$junit" || failed=1
  return $failed
}

# Under ASan and UBSan, built by clang: the second compiler. --modules: without the program and its tests.
sanitize() {
  local failed=0 target=all labels=""
  case ${1:-} in
    --modules) target=zofo_module_tests labels='^module$' ;;
    "") ;;
    *) die "sanitize: unknown option $1; allowed: --modules" ;;
  esac
  need "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}"
  check sanitize "$target" "$labels" -DZOFO_BUILD_BENCH=ON -DZOFO_PYTHON=OFF "-DZOFO_TEST_MODULES=${ZOFO_SANITIZED_MODULES:-}" || failed=1
  python3 scripts/count_tests.py build/sanitize/junit.xml || failed=1
  return $failed
}

# The commands by which clang would compile everything, CUDA's host code included where nvcc is found. They are read by
# the header check and by clang-tidy; nothing is built.
configure_clang() {
  need "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}"
  # shellcheck disable=SC2046  # one word an option
  configure clang -DZOFO_BUILD_TESTS=ON -DZOFO_BUILD_BENCH=ON -DZOFO_PYTHON=OFF $(cuda_options)
}

headers() {
  configure_clang
  python3 -B scripts/check_headers.py --build build/clang --jobs "$jobs" "$@"
}

tidy() {
  need "${tidy_packages[@]}"
  configure_clang
  python3 -B scripts/tidy.py --build build/clang --clang-tidy "clang-tidy-$clang_version" --jobs "$jobs" "$@"
}

mutants() {
  need "${build_packages[@]}" python3
  python3 -B scripts/mutants.py --jobs "$jobs" "$@"
}

format() {
  need "${format_packages[@]}"
  local mode=(-i)
  case ${1:-} in
    --check) mode=(--dry-run -Werror) ;;
    "") ;;
    *) die "format: unknown option $1; allowed: --check" ;;
  esac
  find include src tools examples bench tests python \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) -print0 |
    xargs -0 --no-run-if-empty -P "$jobs" -n 32 "clang-format-$clang_version" "${mode[@]}"
}

# fuzz_target NAME SECONDS: running out of memory, time or stack is a finding too.
fuzz_target() {
  local name=$1 seconds=$2 log=build/fuzz/$1.log folders=() folder options=() scratch status=0
  mkdir -p "build/fuzz/grown/$name" "build/fuzz/found/$name"
  for folder in "build/fuzz/grown/$name" "tests/fuzz/corpus/$name" "tests/fuzz/findings/$name"; do
    [[ -d $folder ]] && folders+=("$folder")
  done
  [[ -f tests/fuzz/$name.dict ]] && options+=("-dict=tests/fuzz/$name.dict")
  scratch=$(mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")  # for parsers that read files
  (
    ulimit -s 2048
    TMPDIR=$scratch ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 "build/fuzz/zofo_fuzz_$name" \
      -max_total_time="$seconds" -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=128 -max_len=4096 \
      -artifact_prefix="build/fuzz/found/$name/" -print_final_stats=1 "${options[@]}" "${folders[@]}" >"$log" 2>&1
  ) || status=$?
  rm -rf "$scratch"
  if ((status == 0)); then
    say "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
  else
    tail -n 40 "$log" >&2
    say "fuzz: $name: a finding; see $log and build/fuzz/found/$name"
    return 1
  fi
}

fuzz() {
  local seconds=60 targets=()
  while (($#)); do
    case $1 in
      --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "fuzz: --seconds ${2:-}: must be a whole number above 0"
        seconds=$2
        shift ;;
      *)
        [[ -f tests/fuzz/$1_fuzz.cpp ]] || die "fuzz: no target $1: tests/fuzz/$1_fuzz.cpp does not exist"
        targets+=("$1") ;;
    esac
    shift
  done
  ((${#targets[@]})) || mapfile -t targets < <(cd tests/fuzz && printf '%s\n' *_fuzz.cpp | sed 's/_fuzz.cpp$//')
  need "${build_packages[@]}" "${clang_packages[@]}"
  progress "fuzz: configuring"
  quietly build/fuzz/configure.log cmake -S tests/fuzz -B build/fuzz -G Ninja "-DCMAKE_CXX_COMPILER=clang++-$clang_version"
  compile build/fuzz "${targets[@]/#/zofo_fuzz_}"
  export -f fuzz_target say live clear_progress
  printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz_target "$@"' fuzz {} "$seconds" ||
    die "fuzz: copy what was found to tests/fuzz/findings and fix it (CONTRIBUTING.md)"
}
