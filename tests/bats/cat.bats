# mm-cat: streams pass unchanged; every other form says what is in them.

bats_require_minimum_version 1.5.0

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
    [ "$yes" -gt 0 ]
    [ "$no" -gt 0 ]
    [ $((yes + no)) -eq "$all" ]
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
    [ ! -e v.npy.part ]
    [ ! -e v.tsv.part ]
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

@test "--npy refuses anything but an array, and leaves no file" {
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

@test "a field that no record has is an error that says what was meant and what there is; -o writes nothing" {
    for how in "-w lable=x" "-w lable" "-t -f lable" "-f key,lable" "--count-by lable" "-w lable!=x -N 3"; do
        run mm-cat $how -o out "$q"
        [ "$status" -eq 2 ] || { echo "$how: $status"; false; }
        [[ "$output" == *'no record has a field "lable"; did you mean "label"? (there are: '*key*space* ]]
        [ -z "$(ls)" ]
    done
}

@test "entries of a map: misspelt ones are errors, absent ones of meta are not" {
    python3 - >maps.mm <<'PY'
import sys
def pack(v):
    if isinstance(v, dict):
        return bytes([0x80 + len(v)]) + b"".join(pack(k) + pack(x) for k, x in v.items())
    if isinstance(v, int):
        return bytes([v])
    return bytes([0xa0 + len(v)]) + v.encode()
for i in range(3):
    r = {"mm": 1, "kind": "text", "key": f"k{i}", "data": "x"}
    if i:
        r["label"] = {"split": "train", "class": f"c{i}"}
        r["meta"] = {"width": i, "height": 7, "frames": 2}
    sys.stdout.buffer.write(pack(r))
PY
    [ "$(mm-cat -k -w label.class=c2 maps.mm)" = k2 ]
    run mm-cat -k -w label.clas=c2 maps.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *'no record has a field "clas" in "label"; did you mean "class"? (there are: class, split)'* ]]
    run mm-cat -t -f key,meta.widht maps.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *'no record has a field "widht" in "meta"; did you mean "width"? (there are: frames, height, width)'* ]]
    [ "$(mm-cat -t --no-header -f key,meta.truncated -N 1 maps.mm)" = "$(printf 'k0\t')" ] # said of some records only
    [ -z "$(mm-cat -k -w meta.truncated maps.mm)" ]
    [ -z "$(mm-cat -k -w meta.pages=3 maps.mm)" ]
    mm-cat -k -w meta.pages=3 maps.mm
    [ -z "$(mm-cat -k -w error.code=x maps.mm)" ] # nothing failed
    mm-cat -k -w error.code=x maps.mm
}

@test "--where: blanks around the sign and == are what people mean" {
    [ "$(mm-cat -k -w 'key == q02' "$q")" = q02 ]
    [ "$(mm-cat -k -w 'key = q02' "$q")" = q02 ]
    [ "$(mm-cat -k -w 'key ~ ^q02$' "$q")" = q02 ]
    [ -z "$(mm-cat -k -w 'key= q02' "$q")" ] # the value begins with a blank
    run mm-cat -w 'key in q01,q02' "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"'FIELD~^(VALUE|VALUE)\$'"* ]]
}

@test "--fields is --tsv; with another form it is refused" {
    [ "$(mm-cat -f key -N 2 "$q")" = "$(printf 'key\nq00\nq01')" ]
    run mm-cat -J -f key "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"--fields goes with --tsv"* ]]
}

@test "--npy - is refused, an empty input is said, --help names no default that is refused" {
    run mm-cat --npy - "$q"
    [ "$status" -eq 2 ]
    [ -z "$(ls)" ]
    run mm-cat -c /dev/null
    [ "$status" -eq 0 ]
    [[ "$output" == *"holds no record"* ]]
    for how in "" --json --tsv --keys --count; do
        mm-cat $how -N 0 -o kept "$q"
        cp "$q" kept
        run -2 mm-cat $how -o kept /dev/null
        [ "$output" = "mm-cat: the input holds no record" ]
        cmp kept "$q"
    done
    run -2 mm-cat --npy new.npy /dev/null
    [ ! -e new.npy ]
    [ ! -e new.tsv ]
    [[ "$(mm-cat --help)" != *"default: -1"* ]]
}

@test "--npy --rows: a row for each step of a sound, with its time; for each patch, with its place" {
    python3 - >frames.mm <<'PY'
import sys, struct
def pack(v):
    if isinstance(v, dict):
        return bytes([0x80 + len(v)]) + b"".join(pack(k) + pack(x) for k, x in v.items())
    if isinstance(v, list):
        return bytes([0x90 + len(v)]) + b"".join(pack(x) for x in v)
    if isinstance(v, bool):
        return bytes([0xc3 if v else 0xc2])
    if isinstance(v, int):
        return bytes([v])
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, bytes):
        return bytes([0xc4, len(v)]) + v
    return bytes([0xa0 + len(v)]) + v.encode()
def tensor(shape, first):
    n = shape[0] * shape[1]
    data = struct.pack(f"<{n}f", *(first + i for i in range(n)))
    return {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": shape, b"data": data}
def key(d):
    return b"".join(bytes([0xc4, len(k)]) + k + pack(v) for k, v in d.items())
def record(name, shape, first, **more):
    r = {"mm": 1, "kind": "feature", "key": name, **more, "of": "audio", "space": "s"}
    body = b"".join(pack(k) + pack(v) for k, v in r.items())
    t = tensor(shape, first)
    sys.stdout.buffer.write(bytes([0x80 + len(r) + 1]) + body + pack("data") + bytes([0x80 + len(t)]) + key(t))
record("long", [4, 2], 0, time=[1.0, 2.5], grid={"prefix": 1, "frames": 3, "step": 0.5})
record("short", [1, 2], 10, time=[0.0, 0.5], grid={"frames": 1, "step": 0.5})
record("patches", [4, 2], 20, grid={"rows": 2, "cols": 2})
PY
    run mm-cat --npy v.npy frames.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"--rows"* ]]
    mm-cat --npy v.npy --rows frames.mm
    printf '%s\n' "key start end row y x" "long   0  " "long 1 1.5 1  " "long 1.5 2 2  " "long 2 2.5 3  " "short 0 0.5 0  " \
        "patches   0 0 0" "patches   1 0 1" "patches   2 1 0" "patches   3 1 1" | tr ' ' '\t' | cmp - <(cut -f 1,4,5,9- v.tsv)
    python3 - <<'PY'
import ast, struct
b = open("v.npy", "rb").read()
n = 10 + struct.unpack("<H", b[8:10])[0]
assert ast.literal_eval(b[10:n].decode())["shape"] == (9, 2)
assert struct.unpack("<18f", b[n:]) == (*range(8), 10, 11, *range(20, 28))
PY
}

@test "--where that chooses no record says what there is, and --npy without a row says so" {
    run -0 --separate-stderr mm-cat -c -w of=imagee "$q"
    [ -z "$output" ]
    [[ "$stderr" == *'no record has of=imagee; did you mean "image"? (there are: image, text)'* ]]
    run -0 --separate-stderr mm-cat -c -w kind=featur "$q"
    [[ "$stderr" == *'no record has kind=featur; did you mean "feature"?'* ]]
    # nothing is likely to be meant, or something was chosen
    run -0 --separate-stderr mm-cat -c -w kind=error "$q"
    [ -z "$stderr" ]
    run -0 --separate-stderr mm-cat -c -w of=image "$q"
    [ -z "$stderr" ]
    run -0 mm-cat --npy none.npy -w kind=text "$q"
    [[ "$output" == *"none.npy: an array without a row, for no record that --where chooses holds a vector"* ]]
}

@test "--npy of two modalities says which condition chooses one" {
    { echo '{"kind": "feature", "key": "a", "of": "image", "space": "s/1", "data": {"f32": [1, 2, 3]}}'
      echo '{"kind": "feature", "key": "a", "of": "audio", "space": "s/2", "data": {"f32": [1, 2]}}'; } |
        python3 "$BATS_TEST_DIRNAME/records.py" > two.mm
    for rows in "" --rows; do
        # shellcheck disable=SC2086
        run -2 mm-cat --npy v.npy $rows two.mm
        [[ "$output" == *"vectors of two spaces do not make an array: choose those with of=image; a is f32[2] of s/2, the one before is f32[3] of s/1; --where takes such a condition"* ]]
    done
    mm-cat --npy v.npy -w of=image two.mm
    # two models of one modality
    echo '{"kind": "feature", "key": "a", "of": "image", "space": "s/2", "data": {"f32": [1, 2, 3]}}' | python3 "$BATS_TEST_DIRNAME/records.py" > other.mm
    run -2 mm-cat --npy v.npy <(mm-cat -w of=image two.mm) other.mm
    [[ "$output" == *"choose those with space=s/1; "* ]]
}
