# make install and make uninstall.

setup() {
    T=$BATS_TEST_TMPDIR
    mkdir "$T/build"
    cp -a "$MM_BUILD"/{lib,tools,shaders,bin,man,libmm.a,prefix} "$T/build/"
}

install_to() { make -s BUILD="$T/build" PREFIX="$1" "${@:2}" install >"$T/said" 2>&1 || { tail "$T/said"; return 1; }; }

@test "what is installed knows its PREFIX, is stripped and documented, and is removed again" {
    unset MM_MODELS
    export XDG_DATA_HOME=$T/none
    install_to "$T/a"
    # what was built for another PREFIX is rebuilt where it depends on it
    mkdir -p "$T/a/share/mm/models"
    cp -r tests/goldens/encode/vit "$T/a/share/mm/models/v"
    [ "$("$T/a/bin/mm-model" --names list)" = v ]
    grep -q "$T/a/share/mm/models" "$T/a/share/man/man5/mm-models.5"
    ! grep -rE '@[A-Z]+@' "$T/a/share/man" || false
    for tool in "$T"/a/bin/*; do ! readelf -S "$tool" | grep -q '\.symtab'; done
    for page in "$T"/a/share/man/man?/*; do mandoc -T ascii "$page" | tail -n 1 | grep -qE '^mm tools [0-9.]+ .* mm tools [0-9.]+$'; done
    for file in README.md CHANGELOG.md LICENSE examples/README.md; do cmp "$file" "$T/a/share/doc/mm-tools/$file"; done
    rm -r "$T/a/share/mm"
    make -s BUILD="$T/build" PREFIX="$T/a" uninstall
    [ -z "$(find "$T/a" -type f)" ]
}

@test "STRIP= keeps the symbols" {
    install_to "$(cat "$MM_BUILD/prefix")" DESTDIR="$T/b" STRIP=
    readelf -S "$T/b$(cat "$MM_BUILD/prefix")/bin/mm-cat" | grep -q '\.symtab'
}

@test "the lints need no repository: a release has none" {
    mkdir "$BATS_TEST_TMPDIR/release"
    tar -c -C "$BATS_TEST_DIRNAME/../.." lib tools tests man shaders Makefile CONTRIBUTING.md |
        tar -x -C "$BATS_TEST_TMPDIR/release"
    cd "$BATS_TEST_TMPDIR/release"
    tests/lint/rooms
    BUILD=$MM_BUILD tests/lint/symbols
    tests/lint/walks/run still
}

@test "DESTDIR and PREFIX with blanks are refused, before anything is removed" {
    mkdir -p "$T/p"
    touch "$T/p/kept"
    for where in PREFIX="$T/p q" DESTDIR="$T/p q"; do
        for goal in install uninstall; do
            run make -s BUILD="$T/build" "$where" "$goal"
            [ "$status" -eq 2 ]
            [[ "$output" == *"cannot have blanks"* ]]
        done
    done
    [ -e "$T/p/kept" ]
}

@test "suites: the last line counts without its end, a line without a command is an error" {
    run tests/suites < <(printf 'first 1 true\nlast 1 false')
    [ "$status" -eq 1 ]
    [[ "$output" == *$'\nlast '*'FAILED (1)'* ]]
    run tests/suites < <(printf 'first 1\n')
    [ "$status" -eq 2 ]
}
