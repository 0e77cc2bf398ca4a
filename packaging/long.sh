# The part of packaging/test that takes long (sourced by it): each build in its folder, so that none
# disturbs the daily one. About an hour on two cores.

preset() { cmake --preset "$1" -S "$root" >/dev/null && cmake --build --preset "$1"; }
fuzz_seconds=${NETPAS_FUZZ_SECONDS:-60}

long_asan() {
  (cd "$root" && preset asan) || return 1
  ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 run_ctest "$root/build/asan" -j2 -LE lab
}

long_tsan() {
  (cd "$root" && preset tsan) || return 1
  TSAN_OPTIONS=halt_on_error=1 run_ctest "$root/build/tsan" -j2 -LE lab
}

# Every fuzz target for a while, from its corpus; what it finds new stays in the build folder.
long_fuzz() {
  (cd "$root" && cmake --preset fuzz >/dev/null) || return 1
  local targets target name
  mapfile -t targets < <(cd "$root/tests/fuzz" && ls fuzz_*.cpp | sed 's/\.cpp$//')
  ninja -C "$root/build/fuzz" "${targets[@]}" || return 1
  for target in "${targets[@]}"; do
    name=${target#fuzz_}
    mkdir -p "$root/build/fuzz/found/$name"
    run_step "fuzz $name" "$root/build/fuzz/tests/$target" -max_total_time="$fuzz_seconds" -print_final_stats=0 \
      -verbosity=0 -artifact_prefix="$root/build/fuzz/found/" "$root/build/fuzz/found/$name" "$root/tests/fuzz/corpus/$name"
  done
}

long_tidy() {
  local files
  mapfile -t files < <(cd "$root" && find core tun cartographer secretary app -name '*.cpp')
  (cd "$root" && printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -quiet -p "$build")
}

run_step 'sanitizers: address, undefined behaviour' long_asan
run_step 'sanitizer: threads' long_tsan
run_step 'fuzzing' long_fuzz
run_step 'clang-tidy' long_tidy
run_ctest "$build" -C long -L long
