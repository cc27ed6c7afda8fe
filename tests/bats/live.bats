# Live input: what has come is answered before more comes. Every wait ends after 20 seconds at the latest, as a failure.

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t" && cd "$D" || return 1
    python3 "$make" png t/a.png 1 && python3 "$make" png t/b.png 2 40 30 && python3 "$make" wav t/c.wav 0.2 8000 && echo hello >t/d.txt
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
}

talk() { "$python" "$BATS_TEST_DIRNAME/talk.py" "$@"; }

@test "a list is read name by name: a file's records leave before the next name comes" {
    for j in 1 3; do
        run talk "$tmp/out" mm-decode -q -j "$j" --flush --files-from - <<'END'
send 't/a.png\nt/b'
expect t/a.png
send '.png\n\n'
expect t/b.png
send 't/absent.png\n'
expect t/absent.png
send 't\n'
expect t/a.png t/b.png t/c.wav t/d.txt
send 't/c.wav'
END
        [ "$status" = 1 ]
        printf '%s\n' t/a.png t/b.png t/absent.png t t/c.wav >list
        mm-decode -q --files-from list | cmp - "$tmp/out"
    done
}
