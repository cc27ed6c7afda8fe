# README.md: its figures are those of the last runs.

@test "README's figures are those of tests/bench/RESULTS.md and tests/gpu/RESULTS.md" {
    run python3 tests/bench/readme.py --check
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "figures that differ are found" {
    mkdir -p "$BATS_TEST_TMPDIR/tests"
    cp -r tests/bench tests/gpu "$BATS_TEST_TMPDIR/tests/"
    sed 's/^\(| openvino | [0-9]*\.[0-9]*\)/\15/' README.md >"$BATS_TEST_TMPDIR/README.md"
    run python3 "$BATS_TEST_TMPDIR/tests/bench/readme.py" --check
    [ "$status" -eq 1 ]
    [[ $output == *"make readme"* ]]
    python3 "$BATS_TEST_TMPDIR/tests/bench/readme.py"
    cmp README.md "$BATS_TEST_TMPDIR/README.md"
}
