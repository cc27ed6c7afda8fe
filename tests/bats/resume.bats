# --resume: an interrupted run ends with the bytes of an uninterrupted one, and does nothing twice.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t" && cd "$D" || return 1
    for i in 1 2 3; do echo "png t/$i.png $i 12 9" && echo "text $i" >t/$i.txt; done | python3 "$make" -
    python3 "$make" wav t/4.wav 2.5 8000
    { echo text,label; seq -f 'row %g of a table,x' 300; } >table.csv
    python3 - <<'P'
import io, tarfile
with tarfile.open("twice.tar", "w") as t:
    for name, text in ("a.txt", "one"), ("b.txt", "two"), ("a.txt", "three"), ("c.txt", "four"), ("a.txt", "three"), ("a.txt", "three"), ("d.txt", ""), ("b.txt", "five"):
        m = tarfile.TarInfo(name)
        m.size = len(text)
        t.addfile(m, io.BytesIO(text.encode()))
P
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
}

need_text() { mm-model list 2>/dev/null | grep -q minilm-l6 || skip "needs minilm-l6 (make models)"; }

# cuts STEP COMMAND...: the output of the command, cut after every STEP bytes and taken up, is the whole output
cuts() {
    step=$1 && shift
    rm -f "$tmp/whole" && "$@" -o "$tmp/whole" >/dev/null 2>&1 || [ $? -eq 1 ]
    size=$(stat -c %s "$tmp/whole")
    for ((cut = 0; cut <= size; cut += step)); do
        head -c $cut "$tmp/whole" >"$tmp/out.part" && rm -f "$tmp/out"
        "$@" --resume -o "$tmp/out" >/dev/null 2>"$tmp/err" || [ $? -eq 1 ]
        cmp "$tmp/out" "$tmp/whole" || { echo "$*: cut at $cut of $size"; cat "$tmp/err"; return 1; }
        [ ! -e "$tmp/out.part" ]
    done
}

@test "mm-decode: members, operands and directories that come twice" {
    cuts 31 mm-decode -q twice.tar
    cuts 67 mm-decode -q -j 3 --key file twice.tar
    cuts 29 mm-decode -q t/1.txt t/1.txt t/2.txt
    cuts 29 mm-decode -q t/2.txt t/1.txt t/1.txt
    cuts 35001 mm-decode -q t t/1.txt t
    cuts 30011 mm-decode -q -j 3 t t
}

@test "mm-decode: within a table, lines and windows" {
    cuts 6007 mm-decode -q --column text --label-column label table.csv
    cuts 6007 mm-decode -q --lines table.csv t/1.txt
    cuts 26003 mm-decode -q --window 0.25 t
    head -c 9000 "$tmp/whole" >"$tmp/out.part" && rm "$tmp/out"
    mm-decode --window 0.25 t -v --resume -o "$tmp/out" 2>&1 | grep 'out.part: going on after [1-9]'
}

@test "encoders: rows of a table, --keep, chunks, sources that come twice" {
    cp -r "$BATS_TEST_DIRNAME/../goldens/encode/bert" "$tmp/bert"
    head -n 40 "$BATS_TEST_DIRNAME/../goldens/tokenizer/vocab_kept/vocab.txt" >"$tmp/bert/vocab.txt"
    seq -f 'word %g' -s ' ' 30 >"$tmp/long.txt"
    { mm-decode --lines <(head -n 40 table.csv) && mm-decode twice.tar "$tmp/long.txt" t/1.txt t/1.txt t/1.png "$tmp/long.txt" "$tmp/long.txt"; } \
        >"$tmp/in.mm" 2>/dev/null || true
    encode() { mm-encode-text -q -m "$tmp/bert" "${flags[@]}" "$tmp/in.mm" "$tmp/in.mm" "$@"; }
    flags=() && cuts 2003 encode
    flags=(--chunk --keep) && cuts 3001 encode
    flags=(--chunk --batch 3) && cuts 3001 encode
    head -c 9000 "$tmp/whole" >"$tmp/out.part" && rm "$tmp/out"
    encode -v --resume -o "$tmp/out" 2>&1 | grep 'out.part: going on after [1-9][0-9]* records'
}

@test "another input or other options are found out, and cost nothing" {
    need_text
    refused() {
        cp "$tmp/cut" "$tmp/o.part"
        run -2 "$@" --resume -o "$tmp/o"
        [[ "$output" == *"o.part"*"remove it to start anew"* ]] || { echo "$output"; false; }
        cmp "$tmp/o.part" "$tmp/cut"
        [ ! -e "$tmp/o" ]
    }
    mm-decode --lines table.csv >"$tmp/lines.mm"
    head -c 9000 "$tmp/lines.mm" >"$tmp/cut"
    refused mm-decode -q --lines <(sed s/row/line/ table.csv)
    refused mm-decode -q t
    cp "$tmp/cut" "$tmp/o.part"
    tail -n 3 table.csv >"$tmp/table.csv" && cd "$tmp"
    (cd "$D" && mm-decode --lines table.csv) | head -c 9000 >"$tmp/cut"
    refused mm-decode -q --lines table.csv
    mkdir some && printf one >some/1.txt && printf three >some/3.txt && printf 'no medium' >some/README
    mm-decode -q some >cut
    cp cut o.part
    run -0 mm-decode -q some --resume -o o # what gave nothing gives nothing again
    cmp o cut
    rm o
    printf two >some/2.txt && refused mm-decode -q some # a file that was not there is not left out in silence
    rm some/1.txt some/2.txt && refused mm-decode -q some
    mm-encode-text -m minilm-l6 <(head -c 3000 lines.mm) -q >f.mm || true
    head -c 9000 f.mm >cut
    refused mm-encode-text -q -m minilm-l6 --keep lines.mm
    refused mm-encode-text -q -m minilm-l6 --prompt 'a {}' lines.mm
    mm-decode --lines <(sed s/row/line/ "$D/table.csv") >other.mm
    refused mm-encode-text -q -m minilm-l6 other.mm
    refused mm-encode-text -q -m minilm-l6 <(head -c 100 lines.mm)
}

@test "what is made is kept within seconds, though more is on its way" {
    mkfifo "$tmp/later"
    mm-decode -q -o "$tmp/out" t/1.txt "$tmp/later" t/2.txt 3>&- &
    pid=$!
    exec 7>"$tmp/later"
    for i in $(seq 300); do [ ! -s "$tmp/out.part" ] || break; sleep 0.1; done
    kill -9 $pid
    exec 7>&-
    wait $pid || true
    [ "$(mm-cat -k "$tmp/out.part")" = "$(mm-decode t/1.txt | mm-cat -k)" ]
}

@test "tools that are killed at random moments (make check-kill: 200 of them)" {
    TMPDIR=$tmp python3 "$BATS_TEST_DIRNAME/../kill.py" 6
}
