# Streams between the tools and Python: the two programs of mm-stream(5), run with the real packages.

setup() {
    python=${MM_PYTHON:-python3}
}

needs_python() {
    "$python" -c 'import msgpack, msgpack_numpy' 2>/dev/null || skip "needs msgpack_numpy (set MM_PYTHON)"
}

# A tool that parses the records and passes them on.
pass() {
    mm-cat -w kind "$@"
}

# The N-th example of the manual page.
example() {
    awk -v n="$1" '/^\.Bd -literal/ { at++; on = at == n; next } /^\.Ed/ { on = 0 } on' man/mm-stream.5 \
        >"$BATS_TEST_TMPDIR/$1.py"
    echo "$BATS_TEST_TMPDIR/$1.py"
}

@test "Python writes a record, a tool passes it on, Python reads it" {
    needs_python
    "$python" "$(example 2)" >"$BATS_TEST_TMPDIR/in.mm"
    pass "$BATS_TEST_TMPDIR/in.mm" >"$BATS_TEST_TMPDIR/out.mm"
    run "$python" "$(example 1)" <"$BATS_TEST_TMPDIR/out.mm"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "a mine 0.0" ]
}

@test "Python reads the records that a tool made" {
    needs_python
    mm-label --against tests/goldens/label/labels.mm --of image -n 4 -f stream tests/goldens/label/queries.mm |
        "$python" -c '
import sys, msgpack, msgpack_numpy
u = msgpack.Unpacker(sys.stdin.buffer, object_hook=msgpack_numpy.decode)
r = [x for x in u if x["kind"] == "label"]
assert len(r) == 25 and all(abs(sum(x["label"].values()) - 1) < 1e-6 for x in r), r
assert list(r[0])[:3] == ["mm", "kind", "key"]'
}

@test "records of every kind and type pass byte for byte" {
    for f in full kinds types; do
        pass "tests/goldens/stream/$f.mm" >"$BATS_TEST_TMPDIR/out.mm" || [ $? -eq 1 ] # error records are among them
        cmp "$BATS_TEST_TMPDIR/out.mm" "tests/goldens/stream/$f.mm"
    done
}

@test "streams are concatenated with cat, and read up to where they were cut" {
    size=$(stat -c %s tests/goldens/label/examples.mm)
    cat tests/goldens/label/{examples,queries}.mm | pass >"$BATS_TEST_TMPDIR/both"
    cat tests/goldens/label/{examples,queries}.mm | cmp - "$BATS_TEST_TMPDIR/both"
    head -c $((size - 1)) tests/goldens/label/examples.mm >"$BATS_TEST_TMPDIR/cut"
    run mm-label --no-header --knn tests/goldens/label/examples.mm "$BATS_TEST_TMPDIR/cut"
    [ "$status" -eq 1 ]
    [ "$(grep -c ^x <<<"$output")" -eq 59 ]
}

@test "anything but a stream is refused, with what to do" {
    run pass tests/bats/stream.bats
    [ "$status" -ne 0 ]
    [[ "$output" == *"stream.bats: not a feature stream but text: mm-decode reads media and text"* ]]
    printf '\xff\xd8\xff\xe0\0\x10JFIF' >"$BATS_TEST_TMPDIR/photo.jpg"
    run pass "$BATS_TEST_TMPDIR/photo.jpg"
    [[ "$output" == *"photo.jpg: not a feature stream but a JPEG image: mm-decode reads media"* ]]
}

@test "compressed files and addresses are named with what reads them" {
    gzip -c tests/goldens/label/queries.mm >"$BATS_TEST_TMPDIR/q.mm.gz"
    run pass "$BATS_TEST_TMPDIR/q.mm.gz"
    [[ "$output" == *'gzip data: `gzip -dc FILE |` unpacks a stream'* ]]
    run pass https://example.org/q.mm
    [ "$status" -ne 0 ]
    [[ "$output" == *'a URL, not a file: `curl -sL URL | mm-cat -` reads it'* ]]
    run mm-decode https://example.org/photo.jpg file:///etc/hostname
    [[ "$output" == *'photo.jpg: a URL, not a file: `curl -sL URL | mm-decode -` reads it'* ]]
    [[ "$output" == *"give the path alone"* ]]
}
