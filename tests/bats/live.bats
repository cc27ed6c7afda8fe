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
    printf 't\nt/a.png' >list # all at once, and the last name does not end
    mm-decode -q --flush --files-from - <list | cmp - <(mm-decode -q --files-from list)
}

# Directory $1 as file records, in parts of $2 bytes (0: whole), keys and src as mm-decode names them.
files() {
    "$python" - "$@" <<'END'
import msgpack, os, re, sys

top, size = sys.argv[1], int(sys.argv[2])
for place, _, names in sorted(os.walk(top)):
    for name in sorted(names):
        path = os.path.join(place, name)
        key, data = re.sub(r"\.[^./]*(\.gz)?$", "", os.path.relpath(path, top)), open(path, "rb").read()
        for at in range(0, len(data), size or len(data)):
            record = {"mm": 1, "kind": "file", "key": key, "src": path, "data": data[at:at + size] if size else data}
            if size:
                record["part"] = at // size
            if size and at + size >= len(data):
                record["meta"] = {"last": True}
            sys.stdout.buffer.write(msgpack.packb(record))
END
}

# Python's records, one a line, as a stream.
pack() {
    "$python" -c 'import msgpack, sys
for line in sys.stdin: sys.stdout.buffer.write(msgpack.packb({"mm": 1, **eval(line)}))'
}
json() { mm-cat -q -J "$@"; }

@test "--records: a directory in records, whole or in parts of any size, is the directory" {
    mkdir -p r/x && cp t/a.png r && cp t/b.png t/d.txt r/x && gzip -c t/c.wav >r/x/c.wav.gz && tar -cf r/z.tar t && head -c 100 t/a.png >r/x/cut.png
    run mm-decode -q -o want r
    [ "$status" = 1 ]
    mm-cat -J want | jq -r .src | sort >names
    for size in 0 7919 700; do
        for j in 1 4; do
            echo "$size $j"
            rc=0
            files r "$size" | mm-decode -q --records -j "$j" >"$tmp/got" || rc=$?
            [ "$rc" = 1 ]
            json "$tmp/got" | sort | cmp - <(json want | sort)
            mm-cat -J "$tmp/got" | jq -r .src | sort | cmp - names
        done
    done
}

@test "--records: of, label and time go to what comes of a file; other records pass byte for byte" {
    cat >stream.py <<'END'
wav, png = open("t/c.wav", "rb").read(), open("t/a.png", "rb").read()
for r in [{"kind": "file", "key": "-/ x ", "data": wav, "of": "mic", "time": [100, 103], "label": {"yes": 1}},
          {"kind": "text", "key": "n", "data": "mine", "of": "chat", "zz": [1, 2]},
          {"kind": "mark", "key": "m1"},
          {"kind": "file", "key": "g", "src": "some/g.png", "data": png, "label": "face", "time": [7, 8.5]}]:
    sys.stdout.buffer.write(msgpack.packb({"mm": 1, **r}))
END
    "$python" -c 'import msgpack, sys; exec(open("stream.py").read())' >stream
    mm-decode --records --window .1 --of other stream >got
    json got | jq -c '[.kind, .key, .src, .of, .time, .label]' | cmp - <<'END'
["audio","-/ x ","-/ x ","mic",[100,100.1],{"yes":1}]
["audio","-/ x ","-/ x ","mic",[100.1,100.2],{"yes":1}]
["text","n",null,"chat",null,null]
["mark","m1",null,null,null,null]
["image","g","some/g.png","other",[7,8.5],"face"]
END
    mm-cat --where kind=text got | cmp - <(mm-cat --where kind=text stream)
    printf 'file,label\nsome/g,cat\n' >labels.csv
    [ "$(mm-decode -q --records --label dir stream | json | jq -r 'select(.src=="some/g.png").label')" = face ]
    [ "$(mm-decode -q --records --labels labels.csv stream | json | jq -r 'select(.src=="some/g.png").label')" = face ]
    [ "$(mm-cat --where key=g stream | mm-decode -q --records --only audio | json | jq -r .kind)" = mark ]
    tar -cf a.tar -C t a.png d.txt
    echo '{"kind": "file", "key": "k/v", "of": "o", "label": 3, "data": open("a.tar", "rb").read()}' | pack | mm-decode --records --mark >got
    [ "$(json got | jq -c '[.kind, .key, .src, .of, .label]' | tr -d '\n')" = \
        '["image","k/v/a","k/v!a.png","o",3]["text","k/v/d","k/v!d.txt","o",3]["mark","k/v",null,null,null]' ]
}

@test "--records: what is wrong with a file costs one error record, and no more" {
    pack >stream <<'END'
{"kind": "file", "key": "gap", "part": 0, "data": b"x"}
{"kind": "file", "key": "gap", "part": 2, "data": b"x"}
{"kind": "file", "key": "gap", "part": 3, "data": b"x", "meta": {"last": True}}
{"kind": "file", "key": "headless", "part": 1, "data": b"x"}
{"kind": "file", "key": "headless", "part": 2, "data": b"x"}
{"kind": "file", "key": "one.txt", "part": 0, "data": b"on"}
{"kind": "text", "key": "between", "data": "between"}
{"kind": "file", "key": "one.txt", "part": 1, "data": b"e", "meta": {"last": True}}
{"kind": "file", "key": "interrupted", "part": 0, "data": b"x"}
{"kind": "file", "key": "two.txt", "data": b"two"}
{"kind": "file", "key": "interrupted", "part": 1, "data": b"x", "meta": {"last": True}}
{"kind": "file", "key": "again.txt", "part": 0, "data": b"x"}
{"kind": "file", "key": "again.txt", "part": 0, "data": b"again", "meta": {"last": True}}
{"kind": "file", "key": "marked", "part": 0, "data": b"x"}
{"kind": "mark", "key": "m"}
{"kind": "file", "key": "marked", "part": 1, "data": b"x", "meta": {"last": True}}
{"kind": "file", "key": "x.jpg", "data": b"\xff\xd8\xff\xe0" + bytes(3000)}
{"kind": "file", "key": "random", "data": bytes(range(256)) * 20}
{"kind": "file", "key": "empty.txt", "data": b""}
{"kind": "file", "key": "textual", "data": "text"}
{"kind": "file", "data": b"keyless"}
{"kind": "file", "key": "big.txt", "data": b"x" * 20000}
{"kind": "file", "key": "long.txt", "part": 0, "data": b"x" * 9000}
{"kind": "file", "key": "long.txt", "part": 1, "data": b"x" * 9000}
{"kind": "file", "key": "long.txt", "part": 2, "data": b"x" * 9000, "meta": {"last": True}}
{"kind": "error", "key": "earlier", "error": {"text": "failed before"}}
{"kind": "file", "key": "three.txt", "data": b"three"}
{"kind": "file", "key": "unfinished", "part": 0, "data": b"x"}
END
    for j in 1 4; do
        run mm-decode -q -o "$tmp/got" -j "$j" --records --max-bytes 10k stream
        [ "$status" = 1 ]
        json "$tmp/got" | jq -r '"\(.key) \(.error.code // .kind) \(.data // "")"' | sed 's/ $//' | cmp - <<'END'
gap part
headless part
between text between
one.txt text one
interrupted truncated
two.txt text two
again.txt truncated
again.txt text again
marked truncated
m mark
x.jpg corrupt
random unknown
empty.txt empty
textual record
null record
big.txt too-large
long.txt too-large
earlier error
three.txt text three
unfinished truncated
END
    done
    echo stream >list
    for option in --resume --update '--key base' '--root t' '--files-from list' '--label cls'; do
        run mm-decode -o "$tmp/o" --records $option stream
        [ "$status" = 2 ]
        [[ "$output" == *--records* ]]
    done
}

@test "--records and --mark: a client is answered before it sends more" {
    for j in 1 3; do
        pack >ask <<'END'
{"kind": "file", "key": "a", "src": "t/a.png", "data": open("t/a.png", "rb").read()}
{"kind": "file", "key": "zip", "part": 0, "data": b"hello"}
{"kind": "file", "key": "zip", "part": 1, "data": b" world", "meta": {"last": True}}
{"kind": "mark", "key": "end"}
END
        a=$(mm-cat --where key=a ask | wc -c)
        talk "$tmp/out" mm-decode -q -j "$j" --records --mark <<END
file ask 0 $((a - 7))
file ask $((a - 7)) $a
expect t/a.png a
file ask $a
expect zip zip end
END
    done
    [ "$(printf 'x\ny\n' | mm-decode --lines --mark | json | jq -r '.kind + .key' | tr '\n' ' ')" = "text-:1 mark-:1 text-:2 mark-:2 " ]
    cp t/a.png again.png && cp t/a.png again.jpg && head -c 30 /dev/urandom >nothing
    mm-decode -q --mark again.png again.jpg nothing | json | jq -r '.kind + " " + .key' | cmp - <<'END'
image again
mark again
image again
mark again
mark nothing
END
    # a file of cues is one source, with a broken cue in it, too; lines and rows are one each
    printf 'WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n00:0x.000 --> 00:03.000\nb\n\n00:03.000 --> 00:04.000\nc\n' >c.vtt
    [ "$(mm-decode -q --mark c.vtt | json | jq -r .kind | tr '\n' ' ')" = "text error text mark " ]
    printf 'x\n1\nx\n3\n' >s.csv
    [ "$(mm-decode -q --mark --as series --rate 1 s.csv | json | jq -r .kind | tr '\n' ' ')" = "error series mark " ]
    [ "$(mm-decode -q --mark --as feature s.csv | json | jq -r .kind | tr '\n' ' ')" = "feature mark error mark feature mark " ]
}

# A cpio archive (newc) of these files.
cpio() {
    "$python" - "$@" <<'END'
import sys

def entry(name, data):
    fields = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    for part in (head, data):
        sys.stdout.buffer.write(part + bytes(-len(part) % 4))

for name in sys.argv[1:]:
    entry(name, open(name, "rb").read())
entry("TRAILER!!!", b"")
END
}

@test "archives on a pipe: a member's records leave with its last byte" {
    (cd t && tar --format=ustar -b1 -cf ../s.tar a.png d.txt b.png && cpio a.png d.txt b.png >../s.cpio)
    a=$(stat -c %s t/a.png)
    a_end=$((512 + a)) d_end=$(((512 + a + 511) / 512 * 512 + 512 + 6))
    for j in 1 3; do
        talk "$tmp/out" mm-decode -q -j "$j" --flush --mark <<END
file s.tar 0 100
file s.tar 100 $a_end
expect -!a.png a
file s.tar $a_end $d_end
expect -!d.txt d
file s.tar $d_end
expect -!b.png b
END
        mm-decode -q --mark <s.tar | cmp - "$tmp/out"
    done
    a_end=$(((110 + 6 + 3) / 4 * 4 + a))
    talk "$tmp/out" mm-decode -q --flush <<END
file s.cpio 0 $a_end
expect -!a.png
file s.cpio $a_end
END
    mm-decode -q <s.cpio | cmp - "$tmp/out"
    at=$("$python" -c 'import zlib
z, tar = zlib.compressobj(wbits=31), open("s.tar", "rb").read()
first = z.compress(tar[:1024]) + z.flush(zlib.Z_SYNC_FLUSH)
open("s.tgz", "wb").write(first + z.compress(tar[1024:]) + z.flush())
print(len(first))')
    talk "$tmp/out" mm-decode -q --flush <<END
file s.tgz 0 $at
expect -!a.png
file s.tgz $at
END
    mm-decode -q <s.tgz | cmp - "$tmp/out"
}

# Writes file $1 in pieces of random sizes, the same each time.
dribble() {
    "$python" -c 'import os, random, sys, time
random.seed(sys.argv[1])
with open(sys.argv[1], "rb") as file:
    while piece := file.read(random.choice((1, 7, 100, 511, 512, 3000, 20000))):
        os.write(1, piece)
        time.sleep(0.0005)' "$1"
}

@test "what comes in pieces gives the same as at once, byte for byte" {
    mkdir -p many && for i in 1 2 3; do cp t/a.png "many/a$i.png" && cp t/c.wav "many/c$i.wav" && echo "$i" >"many/t$i.txt" && head -c "$((i * 70))" t/a.png >"many/x$i.png"; done
    tar -cf m.tar many && tar -czf m.tgz many && tar --format=gnu -b1 -cf m1.tar many && cpio many/*.* >m.cpio && (head -c 5000 m.tar >cut.tar)
    printf 'many/t%d.txt\n\nmany/gone\r\n' 1 2 3 >names && printf many >>names
    for file in m.tar m.tgz m1.tar m.cpio cut.tar t/c.wav t/d.txt; do
        echo "$file"
        run mm-decode -q -o "$tmp/want" - <"$file"
        rc=0
        dribble "$file" | mm-decode -q -j 2 --flush >"$tmp/got" || rc=$?
        [ "$rc" = "$status" ]
        cmp "$tmp/want" "$tmp/got"
    done
    run mm-decode -q -o "$tmp/want" --files-from names
    [ "$status" = 1 ]
    rc=0
    dribble names | mm-decode -q -j 3 --flush --files-from - >"$tmp/got" || rc=$?
    [ "$rc" = 1 ]
    cmp "$tmp/want" "$tmp/got"
}

@test "FIFOs and sockets are operands, and what follows them waits for its turn only" {
    mkfifo pipe
    (cat t/d.txt >pipe) &
    [ "$(mm-decode --flush t/a.png pipe t/b.png | json | jq -r .src | tr '\n' ' ')" = "t/a.png pipe t/b.png " ]
    wait
    "$python" - <<'END' &
import socket
with socket.socket(socket.AF_UNIX) as server:
    server.bind("plug")
    server.listen()
    with server.accept()[0] as peer:
        peer.sendall(open("t/a.png", "rb").read())
END
    for i in $(seq 100); do [ -S plug ] || sleep .05; done
    [ "$(mm-decode plug | json | jq -r .kind)" = image ]
    wait
    run mm-decode plug
    [ "$status" = 1 ]
    [[ "$output" == *"plug: Connection refused"* ]]
    for name in - /dev/stdin /dev/fd/0; do
        [ "$(python3 -c 'import socket, subprocess, sys
a, b = socket.socketpair()
p = subprocess.Popen(["mm-decode", "--flush", "--lines", sys.argv[1]], stdin=b)
a.sendall(b"hello\n"), a.close(), b.close(), p.wait()' "$name" | json | jq -r .data)" = hello ]
    done
}

@test "a file that is written to while it is read is an error record of its own" {
    yes 'a line of text' | head -n 400000 >growing.txt # more than a pipe holds of its records
    run "$python" -c 'import subprocess
p = subprocess.Popen(["mm-decode", "-q", "--lines", "--flush", "growing.txt"], stdout=subprocess.PIPE)
first = p.stdout.read(1000)
with open("growing.txt", "a") as file:
    file.write("more\n")
rest = p.stdout.read()
print(p.wait(), (first + rest).count(b"the file was written to while it was read"))'
    [ "${lines[-1]}" = "1 1" ]
}

@test "a standard input that does not block is waited for: lists, archives, sound and texts" {
    # a writer that pauses, into a pipe whose reading end is O_NONBLOCK, as ssh and node make them
    slowly() {
        "$python" - "$@" <<'END'
import os, subprocess, sys, threading, time
data, (r, w) = open(sys.argv[1], "rb").read(), os.pipe()
os.set_blocking(r, False)
def write():
    time.sleep(.1)
    os.write(w, data[:100])
    time.sleep(.1)
    os.write(w, data[100:])
    os.close(w)
threading.Thread(target=write).start()
sys.exit(subprocess.call(sys.argv[2:], stdin=r))
END
    }
    yes a line | head -n 50 >lines
    tar cf t.tar t
    for flush in '' --flush; do
        slowly t/c.wav mm-decode $flush - | cmp - <(mm-decode $flush - <t/c.wav)
        slowly lines mm-decode $flush --lines - | cmp - <(mm-decode $flush --lines - <lines)
        slowly t.tar mm-decode $flush - | cmp - <(mm-decode $flush - <t.tar)
        slowly t/a.png mm-decode $flush - | cmp - <(mm-decode $flush - <t/a.png)
    done
}
