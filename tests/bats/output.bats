# Where a result goes: FILE.part and what may lie there, full disks, closed streams, programs that die.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    mkdir -p "$D" && cd "$D" || return 1
    seq -f 'line %g of a text that is long enough to fill a file' 2000 >lines.txt
    mm-decode --lines -o lines.mm lines.txt
    python3 - <<'P'
import struct
def s(t): return bytes([0xa0 + len(t)]) + t
def feature(key):
    data = struct.pack("<4f", *range(4))
    tensor = b"\x85" + b"\xc4\x02nd\xc3" + b"\xc4\x04type" + s(b"<f4") + b"\xc4\x04kind\xc4\x00" + b"\xc4\x05shape\x91\x04" + b"\xc4\x04data\xc4" + bytes([len(data)]) + data
    return b"\x86" + s(b"mm") + b"\x01" + s(b"kind") + s(b"feature") + s(b"key") + s(key) + s(b"src") + s(key) + s(b"data") + tensor + s(b"space") + s(b"four")
open("features.mm", "wb").write(b"".join(feature(b"k%d" % i) for i in range(9)))
P
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
}

@test "a tool never reads and writes one FILE.part" {
    for words in 'mm-cat -o x.mm x.mm.part' 'mm-cat -t -f key -o x.mm x.mm.part' 'mm-decode -o x.mm x.mm.part' \
        'mm-fuse --method concat -o x.mm lines.mm x.mm.part' 'mm-cat --npy x.npy x.npy.part' 'mm-cat --npy x.npy x.tsv.part' \
       ; do
        for name in x.mm.part x.npy.part x.tsv.part; do cp features.mm "$tmp/$name"; done
        cd "$tmp" && cp "$D/features.mm" "$D/lines.mm" "$D/lines.txt" .
        run -2 $words
        [[ "$output" == *".part is an input of this command"* ]] || { echo "$words: $output"; false; }
        cmp features.mm x.mm.part
        [[ "$words" != *.npy.part ]] || cmp features.mm x.npy.part
        [[ "$words" != *.tsv.part ]] || cmp features.mm x.tsv.part
        cd "$D"
    done
    run -2 mm-cat -o "$tmp/x.mm" <"$tmp/x.mm.part"
    cmp features.mm "$tmp/x.mm.part"
}

@test "a file that standard output appends to is not read" {
    cp lines.mm "$tmp/a.mm"
    run -2 bash -c 'mm-cat "$1" >>"$1"' - "$tmp/a.mm"
    cmp lines.mm "$tmp/a.mm"
}

@test "FILE.part that is a link or no file is refused, and what the link names stays as it is" {
    echo precious >"$tmp/precious"
    for name in u.mm u.npy u.tsv; do
        ln -sf "$tmp/precious" "$tmp/$name.part"
    done
    run -2 mm-decode -o "$tmp/u.mm" lines.txt
    [[ "$output" == *"u.mm.part: a symbolic link"* ]]
    run -2 mm-cat -t -f key -o "$tmp/u.mm" lines.mm
    run -2 mm-cat --npy "$tmp/u.npy" features.mm
    [[ "$output" == *"u.npy.part: a symbolic link"* ]]
    rm "$tmp/u.npy.part"
    run -2 mm-cat --npy "$tmp/u.npy" features.mm
    [[ "$output" == *"u.tsv.part: a symbolic link"* ]]
    [ ! -e "$tmp/u.npy" ]
    [ ! -e "$tmp/u.npy.part" ]
    [ "$(cat "$tmp/precious")" = precious ]
    rm "$tmp/u.mm.part" && mkfifo "$tmp/u.mm.part"
    run -2 timeout 20 mm-decode -o "$tmp/u.mm" lines.txt
    [[ "$output" == *"u.mm.part: not a regular file"* ]]
}

@test "a file that may grow no more: an error, not a death; what --resume can use stays" {
    run -2 bash -c 'ulimit -f 20; mm-decode --lines -o "$1/l.mm" lines.txt' - "$tmp"
    [[ "$output" == *"l.mm: cannot write: File too large"* ]]
    [ -s "$tmp/l.mm.part" ]
    [ ! -e "$tmp/l.mm" ]
    mm-decode --lines --resume -o "$tmp/l.mm" lines.txt
    cmp "$tmp/l.mm" lines.mm
    run -2 bash -c 'ulimit -f 20; mm-cat -J -o "$1/l.json" lines.mm' - "$tmp"
    [[ "$output" == *"l.json: File too large"* ]]
    [ ! -e "$tmp/l.json" ]
    [ ! -e "$tmp/l.json.part" ]
    for i in $(seq 999); do cat features.mm; done >"$tmp/many.mm"
    run -2 bash -c 'ulimit -f 20; mm-cat --npy "$1/u.npy" "$1/many.mm"' - "$tmp"
    [ ! -e "$tmp/u.npy" ] && [ ! -e "$tmp/u.npy.part" ] && [ ! -e "$tmp/u.tsv.part" ]
}

@test "a closed standard stream is an error, not an empty one" {
    run -2 bash -c 'mm-cat <&- >/dev/null'
    run bash -c 'mm-decode <&- >/dev/null'
    [ "$status" -ne 0 ]
    run -2 bash -c 'mm-cat lines.mm >&-'
    run -2 bash -c 'mm-cat -t -f key lines.mm >&-'
    mm-cat -o "$tmp/a.mm" lines.mm <&- >&- 2>&-
    cmp "$tmp/a.mm" lines.mm
}

@test "what an interrupted run left is not discarded without a word" {
    head -c 50000 lines.mm >"$tmp/l.mm.part"
    run mm-decode --lines -o "$tmp/l.mm" lines.txt
    [ "$status" -eq 0 ]
    [[ "$output" == *"l.mm.part: 50000 bytes of an interrupted run are discarded; --resume"* ]]
    head -c 3 lines.mm >"$tmp/l.mm.part"
    run mm-decode --lines -o "$tmp/l.mm" lines.txt
    [ "$output" = "" ]
    cmp "$tmp/l.mm" lines.mm
}
