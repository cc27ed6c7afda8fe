# mm-decode: sources, archives, options, limits, order, interruption. All media are made here, by media.py.

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    m() { python3 "$make" "$@"; }
    mkdir -p "$D/t/a/b.c" "$D/t/x/deep" && cd "$D" || return 1
    m png t/a/b.c/photo.v2.png 1
    m png t/a/one.png 2
    m wav t/a/one.wav 0.5 8000
    m png t/x/two.png 3 40 30
    m wav t/x/deep/three.wav 2.5
    printf 'hello\n' >t/a/one.txt
    printf 'l1\nl2\r\n\nl4' >t/x/lines.txt
    printf 'read me' >t/README
    m png t/.hidden.png 4
    mkdir all && m zipped all/t.zip t && m tarred all/t.tar t && m tarred all/t.tgz t w:gz &&
        m tarred all/t.tbz t w:bz2 && m tarred all/t.txz t w:xz
}

setup() {
    cd "$D" || return 1
    make=$BATS_TEST_DIRNAME/media.py
    tmp=$BATS_TEST_TMPDIR
}
m() { python3 "$make" "$@"; }
keys() { mm-cat -J | jq -r '.key + " " + .kind'; }
want='a/b.c/photo.v2 image
a/one image
a/one text
a/one audio
x/deep/three audio
x/lines text
x/two image'

@test "directories: recursive, in key order, files of one sample adjacent" {
    [ "$(mm-decode t | keys)" = "$want" ]
    [ "$(mm-decode t/ | keys)" = "$want" ]
    cd t && [ "$(mm-decode . | keys)" = "$want" ]
}

@test "keys stand in the order of their bytes, whatever the extensions are" {
    mkdir -p k/n k/n.d && for f in n.png n-1.png n/z.png n.d/a.png n0.png; do cp t/a/one.png "k/$f"; done
    # n is a file's key and a directory: the file first, then what lies below it
    [ "$(mm-decode k | mm-cat -J | jq -r .key | tr '\n' ' ')" = "n n/z n-1 n.d/a n0 " ]
}

@test "every kind of archive gives what the directory gives" {
    for f in all/*; do
        [ "$(mm-decode "$f" | keys | sort)" = "$(sort <<<"$want")" ] || { echo "$f"; false; }
    done
    command -v bsdtar || skip "the other formats need bsdtar"
    for how in "--format 7zip" "--format cpio" "--format newc" "--format iso9660" "--format pax --zstd" "--format ustar --lz4" \
        "--format gnutar -Z" "--format xar"; do
        bsdtar cf all/more.bin $how -C t .
        [ "$(mm-decode all/more.bin | keys | sort)" = "$(sort <<<"$want")" ] || { echo "$how"; false; }
    done
    rm all/more.bin
}

@test "archives inside archives: the inner one's key comes first" {
    mkdir -p in && cp all/t.zip in/inner.zip && m tarred outer.tgz in w:gz
    [ "$(mm-decode outer.tgz | keys | sort)" = "$(sed 's,^,inner/,' <<<"$want" | sort)" ]
    mm-decode outer.tgz | mm-cat -J | jq -e -s 'any(.src == "outer.tgz!inner.zip!a/one.png")'
    [ "$(mm-decode in | keys | sort)" = "$(sed 's,^,inner/,' <<<"$want" | sort)" ]
}

@test "standard input: a medium is -, an archive's members have their paths" {
    [ "$(mm-decode <t/a/one.wav | keys)" = "- audio" ]
    [ "$(cat t/a/one.png | mm-decode - | keys)" = "- image" ]
    for f in all/*; do
        [ "$(cat "$f" | mm-decode | keys | sort)" = "$(sort <<<"$want")" ] || { echo "$f"; false; }
    done
    [ "$(printf 'a\nb\n' | mm-decode --lines - | mm-cat -J | jq -r '.key + .data' | tr '\n' ' ')" = "-:1a -:2b " ]
}

@test "lists of operands: --files-from, --files0-from, -0" {
    printf 't/a/one.png\nt/x/two.png\n' >list
    [ "$(mm-decode --files-from list | keys)" = $'t/a/one image\nt/x/two image' ]
    [ "$(tr '\n' '\0' <list | mm-decode --files0-from - | keys)" = $'t/a/one image\nt/x/two image' ]
    [ "$(find t -name '*.png' ! -name '.*' -print0 | sort -z | mm-decode -0 | mm-cat -c)" = $'image\t3' ]
    run mm-decode --files-from absent
    [ "$status" -eq 2 ]
}

@test "names that are not UTF-8 are escaped, others kept" {
    mkdir -p names && cp t/a/one.png $'names/caf\xe9.png' && cp t/a/one.png $'names/caf\xc3\xa9.png'
    [ "$(mm-decode names | mm-cat -k)" = $'caf%E9\ncafé' ] || [ "$(mm-decode names | mm-cat -k | sort)" = "$(printf 'caf%%E9\ncafé\n' | sort)" ]
    m tarred names.tar names
    [ "$(mm-decode names.tar | mm-cat -k | sort)" = "$(printf 'caf%%E9\ncafé\n' | sort)" ]
}

@test "--only chooses kinds; what is named and unknown is refused" {
    [ "$(mm-decode --only image t | mm-cat -c)" = $'image\t3' ]
    [ "$(mm-decode --only audio,text t | mm-cat -c | sort)" = $'audio\t2\ntext\t2' ]
    run mm-decode --only smell t
    [ "$status" -eq 2 ]
}

@test "--hidden, README and programs: skipped and counted, never an error" {
    [ "$(mm-decode --hidden --only image t | mm-cat -c)" = $'image\t4' ]
    cp "$(command -v mm-cat)" prog
    run mm-decode -v t prog
    [ "$status" -eq 0 ]
    [[ "$output" == *"README: skipped"* && "$output" == *"prog: skipped"* && "$output" == *"skipped: 3 files"* ]]
}

@test "links: files are followed, directories with --follow, loops and dead ends end" {
    mkdir -p links/d && ln -sf ../t/a/one.png links/l.png && ln -sfn ../../t/x links/d/x && ln -sfn .. links/d/loop &&
        ln -sf nowhere.png links/dead.png
    run mm-decode links -o "$tmp/o"
    [ "$status" -eq 1 ]
    [ "$(mm-cat -J "$tmp/o" | jq -r '.key + " " + .kind' | sort)" = $'dead error\nl image' ]
    run timeout 20 mm-decode --follow links -o "$tmp/o2"
    [ "$status" -eq 1 ]
    mm-cat -J "$tmp/o2" | jq -e -s 'any(.key == "d/x/two")'
}

@test "an entry that is gone when its kind is asked for is an error record" {
    mkdir -p race && ln -sf ../t/a/one.png race/vanishing && cp t/a/one.png race/there.png
    cc -shared -fPIC -o "$tmp/vanish.so" "$BATS_TEST_DIRNAME/vanish.c"
    run env ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" LD_PRELOAD="$tmp/vanish.so" mm-decode race -o "$tmp/race"
    [ "$status" -eq 1 ]
    [[ "$output" == *"race/vanishing: No such file or directory"* ]]
    [ "$(mm-cat -J "$tmp/race" | jq -r '.key + " " + .kind')" = $'there image\nvanishing error' ]
}

@test "--lines: a record a line, CRLF or LF, the last one without its end too" {
    mm-decode --lines t/x/lines.txt | mm-cat -J | jq -e -s 'map(.key + "=" + .data) == ["t/x/lines:1=l1","t/x/lines:2=l2","t/x/lines:3=","t/x/lines:4=l4"] and map(.part) == [0,1,2,3]'
}

@test "--column: CSV, TSV and JSON lines, by name and by number" {
    printf 'id,text,label\n1,"a, ""b""",x\n2,"two\nlines",y\n' >c.csv
    printf 'id\ttext\tlabel\n1\ta "b"\tx\n2\tc\ty\n' >c.tsv
    printf '{"id":1,"text":"a","label":"x"}\n{"label":"y","text":"\\u00e9","id":2}\n' >c.jsonl
    mm-decode --column text --label-column label --key-column id c.csv | mm-cat -J |
        jq -e -s 'map(.data) == ["a, \"b\"", "two\nlines"] and map(.label) == ["x","y"] and map(.key) == ["1","2"]'
    mm-decode --column text --label-column label c.tsv | mm-cat -J |
        jq -e -s 'map(.data) == ["a \"b\"", "c"] and map(.label) == ["x","y"] and map(.key) == ["c:1","c:2"]'
    mm-decode --column text --key-column id --label-column label c.jsonl | mm-cat -J |
        jq -e -s 'map(.data) == ["a","é"] and map(.label) == ["x","y"] and map(.key) == ["1","2"]'
    [ "$(mm-decode --column 2 c.tsv | mm-cat -c)" = $'text\t3' ]
    [ "$(mm-decode --column -1 c.tsv | mm-cat -J | jq -r .data | tr '\n' ' ')" = "label x y " ]
}

@test "rows that are none are error records, the others are read" {
    printf 'id,text\n1,a\n2\n3,"x" y\n4,d\n' >bad.csv
    run mm-decode --column text bad.csv -o "$tmp/o"
    [ "$status" -eq 1 ]
    mm-cat -J "$tmp/o" | jq -e -s 'map(.kind) == ["text","error","error","text"]'
    printf '{"text":"a"}\nnonsense\n{"other":1}\n{"text":"b"}\n' >bad.jsonl
    run mm-decode --column text bad.jsonl -o "$tmp/o2"
    [ "$status" -eq 1 ]
    mm-cat -J "$tmp/o2" | jq -e -s 'map(.kind) == ["text","error","error","text"]'
    printf '"id,text\n1,a\n' >open.csv
    run mm-decode --column text open.csv -o "$tmp/o3"
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c "$tmp/o3")" = $'error\t1' ]
    run mm-decode --column nothing c.csv bad.csv
    [ "$status" -ne 0 ]
    [[ "$output" == *"no column nothing"* ]]
}

@test "text that is not UTF-8 is repaired as Python does and says so; UTF-16 is converted" {
    printf 'a\xff\xe2\x82b\xed\xa0\x80' >latin.txt
    mm-decode -q latin.txt | mm-cat -J >"$tmp/got"
    python3 - "$tmp/got" <<'END'
import json, sys
r = json.loads(open(sys.argv[1], encoding="utf-8").read())
want = b"a\xff\xe2\x82b\xed\xa0\x80".decode("utf-8", errors="replace")
assert r["data"] == want, (r["data"], want)
assert r["meta"]["replaced"] == want.count("�"), r
END
    python3 -c 'open("u16.txt","wb").write("héllo 😀\n".encode("utf-16"))'
    [ "$(mm-decode u16.txt | mm-cat -J | jq -r .data)" = "héllo 😀" ]
}

@test "--as: tables and NPY become vectors or a series" {
    printf 'id,x,y,class\na,1,2.5,p\nb,-3,1e2,q\n' >n.csv
    mm-decode --as feature --key-column id --label-column class --of sensor n.csv | mm-cat -J --data |
        jq -e -s 'map(.key) == ["a","b"] and map(.label) == ["p","q"] and map(.data.shape) == [[2],[2]] and
                  .[0].space == "numbers/sensor/2" and .[0].of == "sensor"'
    mm-decode --as feature --space my/space n.csv 2>&1 | head -c 0
    printf '1,2\n3,4\n5,6\n' >s.csv
    mm-decode --as series --rate 100 s.csv | mm-cat -J | jq -e '.kind == "series" and .data.shape == [3,2] and .rate == 100'
    m floats f.npy 4 3
    mm-decode f.npy | mm-cat -J | jq -e '.kind == "series" and .data.shape == [4,3] and .rate == null'
    mm-decode --as feature f.npy | mm-cat -J | jq -e -s 'length == 4 and all(.data.shape == [3])'
}

@test "a row that ends before its label is an error record" {
    printf 'x,y,class\n1,2,a\n3\n4,5,b\n' >short.csv
    run mm-decode --as feature --label-column class short.csv -o "$tmp/o"
    [ "$status" -eq 1 ]
    mm-cat -q -J "$tmp/o" | jq -e -s 'map(.kind) == ["feature","error","feature"]'
}

@test "an NPY file to which another was appended: the first array, and an error record" {
    m floats one.npy 4 3
    cat one.npy one.npy >two.npy
    for how in "" "--as feature"; do
        run mm-decode $how two.npy -o "$tmp/o"
        [ "$status" -eq 1 ]
        [[ "$output" == *"two.npy: $(stat -c %s one.npy) bytes after the first array are not read"* ]]
        [ "$(mm-cat -q -J -w kind!=error "$tmp/o")" = "$(mm-decode $how one.npy | mm-cat -J | sed 's/one/two/g')" ]
    done
}

@test "NPY files that lie are refused" {
    m npy big.npy '<f4' '(1000000, 3)'
    m npy object.npy '|O' '(3,)' && m npy fortran.npy '<f4' '(0, 3)' && m npy rows.npy '<f4' '(99999999999, 0)'
    m npy huge.npy '<f8' '(4611686018427387904, 4611686018427387904)'
    for f in big object rows huge; do
        for how in feature series; do
            run timeout 10 mm-decode --as $how $f.npy -o "$tmp/o"
            [ "$status" -eq 1 ] || { echo "$f $how $status"; false; }
            [ "$(mm-cat -q -c "$tmp/o")" = $'error\t1' ]
        done
    done
}

@test "a table of keys alone holds no numbers" {
    seq 1 3000 >ids.csv
    run mm-decode --as series --key-column 1 -q ids.csv
    [ "$status" -ne 0 ]
    [[ "$output" == *"holds no numbers"* ]]
}

@test "labels: of directories, of a table, of its columns" {
    mkdir -p tree/cat tree/dog && cp t/a/one.png tree/cat/1.png && cp t/x/two.png tree/dog/2.png
    mm-decode --label dir tree | mm-cat -J | jq -e -s 'map(.label) == ["cat","dog"]'
    m tarred tree.tar tree && mm-decode --label dir tree.tar | mm-cat -J | jq -e -s 'map(.label) | sort == ["cat","dog"]'
    printf 'file,class,size\n1.png,A,7\ndog/2.png,B,8\nno.png,C,9\n' >labels.csv
    run mm-decode --labels labels.csv --label-column class tree -o "$tmp/o"
    [ "$status" -eq 0 ]
    [[ "$output" == *"rows of labels.csv that belong to none of the inputs: 1"* ]]
    mm-cat -J "$tmp/o" | jq -e -s 'map(.label) == ["A","B"]'
    mm-decode -q --labels labels.csv tree | mm-cat -J | jq -e -s '.[0].label == {"class":"A","size":"7"}'
    mm-decode -q --labels labels.csv --key-column size --label-column file tree | mm-cat -J | jq -e -s 'all(.label == null)'
    run mm-decode --labels labels.csv --label-column absent tree
    [ "$status" -eq 2 ]
    run mm-decode --labels absent.csv tree
    [ "$status" -eq 2 ]
}

@test "sound: rates, windows, channels" {
    mm-decode t/a/one.wav | mm-cat -J | jq -e '.rate == 16000 and .data.shape == [8000]'
    mm-decode --rate native t/a/one.wav | mm-cat -J | jq -e '.rate == 8000 and .data.shape == [4000]'
    mm-decode --rate 22050 t/x/deep/three.wav | mm-cat -J | jq -e '.rate == 22050 and .data.shape == [55125]'
    mm-decode --window 1 t/x/deep/three.wav | mm-cat -J | jq -e -s 'map(.time) == [[0,1],[1,2],[2,2.5]] and map(.part) == [0,1,2]'
    mm-decode --window 1 --hop 0.5 t/x/deep/three.wav | mm-cat -J | jq -e -s '.[1].time == [0.5,1.5] and .[0].data.shape == [16000]'
    m wav stereo.wav 0.25 16000 2
    mm-decode stereo.wav | mm-cat -J | jq -e '.data.shape == [4000]'
    for bad in "--rate x" "--rate 1" "--hop 1" "--lines --column 1"; do
        run mm-decode $bad t
        [ "$status" -eq 2 ] || { echo "$bad"; false; }
    done
}

@test "--background lays transparent pixels over a colour" {
    m clear_png clear.png
    pixel() { mm-decode "$@" clear.png | mm-cat -J --data | jq -c '.data.values | flatten'; }
    [ "$(pixel)" = "[255,0,0]" ]
    [ "$(pixel --background white)" = "[255,255,255]" ]
    [ "$(pixel --background '#0a0b0c')" = "[10,11,12]" ]
    run mm-decode --background pink clear.png
    [ "$status" -eq 2 ]
}

# $1: status, $2: code of the error record, rest: the command
limit() {
    local want=$1 code=$2
    shift 2
    run timeout 60 "$@" -o "$tmp/limit"
    [ "$status" -eq "$want" ] || { echo "$* → $status: $output"; return 1; }
    mm-cat -q -J "$tmp/limit" | jq -e -s --arg code "$code" 'any(.kind == "error" and .error.code == $code)' ||
        { mm-cat -q -J "$tmp/limit"; return 1; }
    [[ "$output" == *"mm-decode: "* ]]
}

@test "limits: each gives an error record, a line and exit 1, and the rest is read" {
    m bomb bomb.zip 200
    m nested nested.zip 6
    mkdir -p broken && cp t/a/one.png broken/good.png && head -c 200 t/x/two.png >broken/half.png && : >broken/empty.png
    limit 1 too-large mm-decode --max-pixels 200 t
    [ "$(mm-cat -q -c "$tmp/limit" | sort | tr '\n' ' ')" = $'audio\t2 error\t1 image\t2 text\t2 ' ]
    limit 1 too-large mm-decode --max-bytes 2000 all/t.zip
    limit 1 ratio mm-decode --max-ratio 10 bomb.zip
    limit 1 depth mm-decode nested.zip
    [ "$(mm-decode --max-depth 6 nested.zip | mm-cat -c)" = $'image\t1' ]
    limit 1 empty mm-decode broken
    run mm-decode broken -o "$tmp/o"
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -k "$tmp/o" | sort)" = $'empty\ngood\nhalf' ]
    run mm-decode --max-duration 0.1 t/a/one.wav -o "$tmp/o"
    mm-cat -q -J "$tmp/o" | jq -e -s 'length > 0'
}

@test "broken, encrypted and absent sources" {
    m encrypted secret.zip t
    limit 1 encrypted mm-decode secret.zip
    size=$(stat -c %s all/t.tar)
    head -c $((size / 2)) all/t.tar >cut.tar
    run mm-decode cut.tar t/a/one.png -o "$tmp/o"
    [ "$status" -eq 1 ]
    mm-cat -q -J "$tmp/o" | jq -e -s 'any(.kind == "error") and .[-1].key == "t/a/one"'
    head -c 1000 all/t.tgz >cut.tgz
    limit 1 truncated mm-decode cut.tgz
    limit 1 open mm-decode absent.png t/a/one.png
    [ "$(id -u)" -eq 0 ] || { cp t/a/one.png locked.png && chmod 0 locked.png && limit 1 open mm-decode locked.png; }
}

@test "--strict stops at the first failure" {
    run mm-decode --strict absent.png t/a/one.png
    [ "$status" -ne 0 ]
    [[ "$output" != *"two"* ]]
}

@test "-j changes nothing, byte for byte" {
    mkdir -p many && for i in $(seq 60); do cp t/a/one.png many/$i.png; cp t/a/one.wav many/$i.wav; done
    head -c 100 t/x/two.png >many/30x.png
    mm-decode -q -j1 many all >"$tmp/one" 2>"$tmp/err" || [ $? -eq 1 ]
    for j in 2 4 7; do
        mm-decode -q -j$j many all 2>/dev/null | cmp - "$tmp/one"
    done
    MM_THREADS=3 mm-decode -q many all 2>/dev/null | cmp - "$tmp/one"
}

@test "a closed pipe ends it silently" {
    mkdir -p pipes && for i in $(seq 50); do cp t/x/two.png pipes/$i.png; done
    mm-decode -j4 pipes 2>"$tmp/err" | head -c 1000 >/dev/null
    [ ! -s "$tmp/err" ]
}

@test "interrupted anywhere and resumed: the same bytes" {
    mkdir -p long && for i in $(seq 40); do cp t/a/one.png long/$i.png; cp t/x/deep/three.wav long/$i.wav; done
    head -c 100 t/x/two.png >long/17x.png
    mm-decode -q -j2 long all/t.tgz >"$tmp/want" 2>/dev/null || [ $? -eq 1 ]
    size=$(stat -c %s "$tmp/want")
    for cut in 0 1 100 $((size / 3)) $((size / 2 + 1)) $((size - 1)) "$size"; do
        head -c "$cut" "$tmp/want" >"$tmp/out.part"
        rm -f "$tmp/out"
        mm-decode -q -j2 --resume -o "$tmp/out" long all/t.tgz 2>/dev/null || [ $? -eq 1 ]
        cmp "$tmp/out" "$tmp/want" || { echo "cut at $cut"; false; }
        [ ! -e "$tmp/out.part" ]
    done
}

@test "SIGTERM leaves FILE.part, --resume finishes it; FILE appears only then" {
    mkfifo "$tmp/slow" && { sleep 3; cat t/a/one.png; } >"$tmp/slow" &
    mm-decode -q -j2 t "$tmp/slow" t/a -o "$tmp/out" &
    pid=$!
    sleep 1
    kill -TERM $pid
    run wait $pid
    [ ! -e "$tmp/out" ]
    rm "$tmp/slow" && cp t/a/one.png "$tmp/slow"
    mm-decode -q t "$tmp/slow" t/a >"$tmp/want"
    mm-decode -q --resume t "$tmp/slow" t/a -o "$tmp/out"
    cmp "$tmp/out" "$tmp/want"
}

@test "usage: unknown options, no input, help, version" {
    run mm-decode --nonsense
    [ "$status" -eq 2 ]
    run mm-decode --max-pixels x t
    [ "$status" -eq 2 ]
    mm-decode --help | grep -q -- --max-ratio
    mm-decode --version | grep -q mm-decode
    run mm-decode -m no-such-model t
    [ "$status" -eq 2 ]
    [[ "$output" == *"mm-model"* ]]
    : >empty.tar
    run mm-decode empty.tar
    [ "$status" -le 1 ]
}
