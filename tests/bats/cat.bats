# mm-cat: streams pass unchanged; every other form says what is in them.

setup() {
    data=$PWD/tests/goldens
    cd "$BATS_TEST_TMPDIR"
    q=$data/label/queries.mm
}

@test "streams pass byte for byte, one after the other" {
    mm-cat "$q" "$data/stream/full.mm" >got || [ $? -eq 1 ]
    cat "$q" "$data/stream/full.mm" | cmp - got
    mm-cat <"$q" | cmp - "$q"
    mm-cat - <"$q" | cmp - "$q"
}

@test "--count agrees with what Python counts" {
    mm-cat --count "$q" >got
    printf 'feature\t28\ntext\t3\n' | cmp - got
    [ "$(mm-cat --json "$q" | jq -s length)" -eq 31 ]
}

@test "--where: equality, inequality, expressions, numbers, presence" {
    all=$(mm-cat --json "$q" | wc -l)
    yes=$(mm-cat --json -w of=image "$q" | jq -s 'map(select(.of == "image")) | length')
    no=$(mm-cat --json -w of!=image "$q" | jq -s 'map(select(.of != "image")) | length')
    [ "$yes" -gt 0 ] && [ "$no" -gt 0 ] && [ $((yes + no)) -eq "$all" ]
    [ "$(mm-cat -k -w 'key~^q0[12]$' "$q" | tr '\n' ' ')" = "q01 q02 " ]
    [ "$(mm-cat -k -w 'key~^q0[12]$' -w key=q02 "$q")" = q02 ]
    mm-cat -w part "$q" | cmp - /dev/null
}

@test "--json shows values on request, and they are those of the stream" {
    mm-cat --json --data -w of=image -N 1 "$q" >got
    jq -e '.data.shape == [12] and (.data.values | length) == 12' got
    mm-cat --json -w of=image -N 1 "$q" | jq -e '.data | has("values") | not'
}

@test "--tsv: columns, header, escapes" {
    mm-cat -t -f key,shape -w of=image -N 2 "$q" >got
    printf 'key\tshape\nq00\tf32[12]\nq01\tf32[12]\n' | cmp - got
    [ "$(mm-cat -t --no-header -f key -N 1 "$q")" = q00 ]
}

@test "--npy loads with its keys beside it, and holds the stream's values" {
    mm-cat -w of=image --npy v.npy "$q"
    [ ! -e v.npy.part ] && [ ! -e v.tsv.part ]
    [ $(($(wc -l <v.tsv) - 1)) -eq "$(mm-cat -k -w of=image "$q" | wc -l)" ]
    want=$(mm-cat -J -d -w of=image "$q" | jq -c '.data.values' | head -1)
    python3 - "$want" <<'PY'
import sys, json, struct, ast
b = open("v.npy", "rb").read()
n = struct.unpack("<H", b[8:10])[0]
assert b[:8] == b"\x93NUMPY\x01\x00" and (n + 10) % 64 == 0
h = ast.literal_eval(b[10:10 + n].decode())
assert h["descr"] == "<f4" and not h["fortran_order"] and h["shape"][1] == 12
v = struct.unpack("<%df" % (h["shape"][0] * 12), b[10 + n:])
assert all(abs(x - y) <= 1e-6 * abs(y) for x, y in zip(v, json.loads(sys.argv[1])))
PY
}

@test "--npy refuses what is no array, and leaves nothing behind" {
    run mm-cat --npy v.npy "$q" "$data/heads/samples.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *"--where"* ]]
    [ -z "$(ls)" ]
}

@test "--head stops reading" {
    [ "$(cat "$q" "$q" "$q" | mm-cat -t --no-header -N 5 | wc -l)" -eq 5 ]
    mkfifo endless
    (cat "$q"; exec sleep 60) >endless 3>&- & writer=$!
    [ "$(mm-cat -t --no-header -N 5 endless | wc -l)" -eq 5 ] # does not wait for the sixth record
    kill $writer
}

@test "a broken stream: its good records, an error record, exit 1; nothing readable: exit 2" {
    size=$(stat -c %s "$q")
    head -c $((size - 3)) "$q" >cut.mm
    run bash -c 'mm-cat cut.mm >out.mm'
    [ "$status" -eq 1 ]
    [[ "$output" == *"cut.mm"*"ends inside a record"* ]]
    [ "$(mm-cat -J out.mm | jq -s 'length')" -eq 31 ]
    mm-cat -J out.mm | tail -1 | jq -e '.kind == "error" and .error.stage == "read"'
    echo hello >text
    run mm-cat --json text
    [ "$status" -eq 2 ]
    run mm-cat --json missing.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"missing.mm: No such file"* ]]
    run mm-cat -k missing.mm "$q"
    [ "$status" -eq 1 ]
}

@test "error records of earlier tools make the exit status 1" {
    head -c 40 "$q" >cut.mm
    mm-cat cut.mm >err.mm 2>/dev/null || true
    run mm-cat --count err.mm
    [ "$status" -eq 1 ]
    [ "$output" = "$(printf 'error\t1')" ]
}
