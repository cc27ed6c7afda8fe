# Every fuzz target over its corpus and over the goldens of its name.

@test "fuzz targets take their corpus" {
    local target name seeds
    for target in "$MM_BUILD"/replay/fuzz_*; do
        [ -x "$target" ] && [ "${target%.d}" = "$target" ] || continue
        name=${target##*/fuzz_}
        seeds=()
        for d in "tests/fuzz/corpus/$name" "tests/goldens/$name"; do
            [ -d "$d" ] && seeds+=("$d")
        done
        [ ${#seeds[@]} -gt 0 ] || { echo "no corpus for $name: tests/fuzz/corpus/$name"; return 1; }
        run "$target" "${seeds[@]}"
        echo "$name: $output"
        [ "$status" -eq 0 ]
    done
}
