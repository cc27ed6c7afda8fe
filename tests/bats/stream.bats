# Streams between the tools and Python: the two programs of mm-stream(5), run with the real packages.

setup() {
    python=${MM_PYTHON:-python3}
    command -v mm-cat >/dev/null || skip "mm-cat is not built"
    "$python" -c 'import msgpack, msgpack_numpy' 2>/dev/null || skip "needs msgpack_numpy (set MM_PYTHON)"
}

# The N-th example of the manual page.
example() {
    awk -v n="$1" '/^\.Bd -literal/ { at++; next } /^\.Ed/ { on = 0 } { on = at == n && !/^\.Ed/ && !done }
        /^\.Ed/ && at == n { done = 1 } on' man/mm-stream.5 >"$BATS_TEST_TMPDIR/$1.py"
    echo "$BATS_TEST_TMPDIR/$1.py"
}

@test "Python writes a record, a tool passes it on, Python reads it" {
    run bash -c "'$python' '$(example 2)' | mm-cat | '$python' '$(example 1)'"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "a mine 0.0" ]
}

@test "Python reads what the tools pass on of every kind and type" {
    for f in full kinds types; do
        run bash -c "mm-cat tests/goldens/stream/$f.mm | cmp - tests/goldens/stream/$f.mm"
        [ "$status" -eq 0 ]
    done
}
