# Configuring and building for ./run.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}  # what ccache asks for with precompiled headers

# As many compilations at a time as processors, but 2 GiB of free memory for each.
default_jobs() {
  local processors gib
  processors=$(nproc)
  gib=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || true)
  if [[ -n $gib ]] && ((gib / 2 < processors)); then processors=$((gib / 2)); fi
  echo $((processors > 0 ? processors : 1))
}
jobs=${ZOFO_JOBS:-$(default_jobs)}

# configure PRESET [CMAKE_OPTION...]
configure() {
  local preset=$1 werror=OFF
  shift
  [[ ${ZOFO_WERROR:-0} == 1 ]] && werror=ON
  # shellcheck disable=SC2046  # one word an option
  [[ $preset == release ]] && set -- "$@" $(cuda_options)
  progress "$preset: configuring"
  quietly "build/$preset/configure.log" cmake --preset "$preset" "-DZOFO_WERROR=$werror" "$@"
}

# compile FOLDER [NINJA_OPTION...] TARGET...: runs ninja in a configured folder.
compile() {
  local folder=$1
  shift
  if live; then
    NINJA_STATUS=$ninja_status ninja -C "$folder" -j "$jobs" "$@" 2>&1 | ninja_progress "building"
  else
    NINJA_STATUS='[%f/%t, %e s] ' ninja -C "$folder" -j "$jobs" "$@" >&2
  fi
}

# build PRESET TARGET [CMAKE_OPTION...]
build() {
  local preset=$1 target=$2
  shift 2
  configure "$preset" "$@" && compile "build/$preset" "$target"
}

# The CUDA backend is built where nvcc is found, unless ZOFO_CUDA=0.
cuda_options() {
  local nvcc
  nvcc=$(command -v nvcc || { [[ -x /usr/local/cuda/bin/nvcc ]] && echo /usr/local/cuda/bin/nvcc; } || true)
  if [[ ${ZOFO_CUDA:-1} == 0 || -z $nvcc ]]; then
    [[ ${ZOFO_CUDA:-} == 1 ]] && die "ZOFO_CUDA=1: nvcc was not found on PATH or in /usr/local/cuda/bin"
    echo -DZOFO_CUDA=OFF
  else
    echo "-DZOFO_CUDA=ON" "-DCMAKE_CUDA_COMPILER=$nvcc" \
      ${ZOFO_CUDA_ARCHITECTURES:+"-DCMAKE_CUDA_ARCHITECTURES=$ZOFO_CUDA_ARCHITECTURES"}
  fi
}

# build_program [TARGET]
build_program() {
  need "${build_packages[@]}"
  build release "${1:-all}" -DZOFO_BUILD_TESTS=OFF -DZOFO_BUILD_BENCH=ON -DZOFO_PYTHON=OFF
}
