# Archives that are built to be trouble. Real ones lie in $MM_DATA; what can be made with tar and gzip is made here.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    printf 'a text\n' >note.txt
    data=${MM_DATA:-$BATS_TEST_DIRNAME/../../../shared/data}
}

# Fields of an mm stream that are short strings, one a line, without a reader of streams.
strings_of() { tr -c '[:print:]' '\n' <"$1"; }

@test "a stream packed twice is read as an archive in an archive" {
    tar -cf - note.txt | gzip | gzip >twice.tar.gz.gz
    mm-decode twice.tar.gz.gz >out.mm
    strings_of out.mm | grep -q 'twice.tar.gz.gz!note.txt'
    strings_of out.mm | grep -q 'a text'
}

@test "packed deeper than --max-depth is an error record, not a stack of decompressors" {
    gzip <note.txt | gzip | gzip | gzip | gzip | gzip >deep.txt.gz
    run --separate-stderr mm-decode -o out.mm deep.txt.gz
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"--max-depth"* ]]
    strings_of out.mm | grep -q depth
    mm-decode --max-depth 6 deep.txt.gz >out.mm
    strings_of out.mm | grep -q 'a text'
}

@test "compress's .Z, which libarchive cannot be asked for by its number" {
    # "a text\n" as seven 9-bit codes
    printf '\037\235\220\141\100\320\051\203\207\216\002' >packed.txt.Z
    mm-decode packed.txt.Z >out.mm
    strings_of out.mm | grep -q 'a text'
}

@test "lrzip and grzip would need a program: an error that says so, nothing is started" {
    printf 'LRZI\0\6 and so on, and so on' >x.lrz
    run --separate-stderr mm-decode -o out.mm x.lrz
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"decompress it first"* ]]
}

@test "an executable that only mentions an archive's signature is passed over" {
    { printf '\177ELF\2\1\1'; head -c 100 /dev/zero; printf '7z\274\257\047\034'; head -c 900 /dev/zero; } >prog
    mm-decode prog note.txt >out.mm
    strings_of out.mm | grep -q 'a text'
    ! strings_of out.mm | grep -q prog
}

@test "a truncated tar: an error record for the member that was cut, the next operand goes on" {
    head -c 20000 /dev/urandom | base64 >long.txt
    tar -cf - note.txt long.txt | head -c 9000 >cut.tar
    run mm-decode -o out.mm cut.tar note.txt
    [ "$status" -eq 1 ]
    strings_of out.mm | grep -q 'cut.tar!note.txt'
    strings_of out.mm | grep -q 'truncated'
    strings_of out.mm | grep -qx 'note.txt.*'
}

@test "libarchive's own hostile archives: one run, -j 1 equals -j 4, failures are records" {
    [ -d "$data/odd_archives_libarchive" ] || skip "needs $data/odd_archives_libarchive"
    # two of them make libarchive 3.6.2 loop without end and read freed memory: its process ends, the run goes on
    ls "$data"/odd_archives_libarchive/* >files
    run mm-decode -q -j 1 -o one.mm --files-from files
    [ "$status" -eq 1 ]
    run mm-decode -q -j 4 -o four.mm --files-from files
    [ "$status" -eq 1 ]
    cmp one.mm four.mm
    strings_of one.mm | grep -q 'gzip_recursive'
    if bsdtar --version | grep -q 'libarchive 3\.6\.2'; then # by the limit of its memory or, without one, of its time
        strings_of one.mm | grep -Eq 'the archive makes its reader give up|keeps its reader busy without end'
    fi
    strings_of one.mm | grep -q 'data_ready_pointer_leak.rar'
}

# twelve texts that do not shrink much, as a tar
texts_tar() {
    python3 -c 'import random, os
r = random.Random(5)
os.makedirs("m", exist_ok=True)
for i in range(12):
    open(f"m/{i:02d}.txt", "w").write("\n".join(str(r.random()) for _ in range(600)))'
    tar --sort=name -cf m.tar m
}
kinds() { mm-cat -q -J "$1" | jq -r '.kind' | sort | uniq -c | tr -s ' \n' ' '; }

# $1: a compressed file, which is changed at several places, one bit at a time; each must be noticed
flipped() {
    python3 - "$1" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
for k in range(10):
    d = bytearray(data)
    d[len(d) // 9 + k * (len(d) * 8 // 9 - 20) // 9] ^= 1 << k % 8
    open(f"flip{k}.{sys.argv[1]}", "wb").write(d)
END
    for k in 0 1 2 3 4 5 6 7 8 9; do
        run mm-decode -q -o out.mm "flip$k.$1"
        [ "$status" -eq 1 ] || { echo "flip$k.$1: $status"; return 1; }
        mm-cat -q -J out.mm | jq -e -s 'any(.kind == "error")' >/dev/null
    done
}

@test "a flipped bit in a compressed archive or file is an error, whatever the compression" {
    texts_tar
    gzip -k m.tar && flipped m.tar.gz
    bzip2 -k m.tar && flipped m.tar.bz2
    xz -k m.tar && flipped m.tar.xz
    gzip -c m/00.txt >a.txt.gz && flipped a.txt.gz
    bsdtar -cf m.tar.lz4 --lz4 --options lz4:stream-checksum m && flipped m.tar.lz4
    for size in 1 4; do # the length that gzip keeps behind the checksum
        python3 -c "d = bytearray(open('m.tar.gz', 'rb').read()); d[-$size] ^= 1; open('length.tar.gz', 'wb').write(d)"
        run mm-decode -q -o out.mm length.tar.gz
        [ "$status" -eq 1 ] && [ "$(kinds out.mm)" = " 1 error 12 text " ]
    done
}

@test "a compressed archive that is cut gives every member that is whole, then one error" {
    texts_tar
    for how in gzip xz "xz --format=lzma"; do
        $how -c m.tar >whole
        for part in 1 2 3; do
            head -c $(($(stat -c %s whole) * part / 4)) whole >cut.tar.x
            want=$({ $how -dc cut.tar.x || true; } 2>/dev/null | python3 -c '
import io, sys, tarfile
data, n = sys.stdin.buffer.read(), 0
try:
    for m in tarfile.open(fileobj=io.BytesIO(data), mode="r|"):
        n += m.isfile() and m.offset_data + m.size <= len(data)
except tarfile.ReadError:
    pass
print(n)')
            [ "$want" -gt 0 ] || { echo "$how: nothing is whole"; false; }
            run mm-decode -q -o out.mm cut.tar.x
            [ "$status" -eq 1 ]
            [ "$(kinds out.mm)" = " 1 error $want text " ] || { echo "$how $part: $(kinds out.mm), not $want"; false; }
            mm-cat -q -J out.mm | jq -e -s '.[-1].error.code == "truncated"'
        done
    done
}

@test "archives and compressed streams that follow each other are one" {
    texts_tar && printf 'another\n' >last.txt && tar -cf last.tar last.txt
    cat m.tar last.tar >both.tar
    gzip -k m.tar last.tar && xz -k m.tar last.tar
    cat m.tar.gz last.tar.gz >both.tar.gz && cat m.tar.xz last.tar.xz >both.tar.xz && gzip -c both.tar >once.tar.gz
    { gzip <m/00.txt && gzip <m/01.txt; } >two.txt.gz
    for f in both.tar both.tar.gz both.tar.xz once.tar.gz; do
        mm-decode "$f" >out.mm
        [ "$(kinds out.mm)" = " 13 text " ] || { echo "$f: $(kinds out.mm)"; false; }
        cat "$f" | mm-decode >out.mm && [ "$(kinds out.mm)" = " 13 text " ] || { echo "$f, a pipe"; false; }
    done
    mm-decode two.txt.gz | mm-cat -J | jq -j .data | cmp - <(cat m/00.txt m/01.txt)
    { cat m.tar.gz && head -c 5000 /dev/zero; } >padded.tar.gz && mm-decode padded.tar.gz >out.mm # as tapes are
    [ "$(kinds out.mm)" = " 12 text " ]
    { cat m.tar.gz && printf 'and something else'; } >behind.tar.gz
    run mm-decode -q -o out.mm behind.tar.gz
    [ "$status" -eq 1 ] && [ "$(kinds out.mm)" = " 1 error 12 text " ]
}

@test "lzma with other properties, and none that only looks like it" {
    python3 -c 'import lzma
for lc, lp, pb in (3, 0, 2), (0, 2, 1), (4, 0, 0):
    open(f"{lc}{lp}{pb}.txt.lzma", "wb").write(lzma.compress(b"a text\n", lzma.FORMAT_ALONE, filters=[
        {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": 1 << 16}]))'
    for f in *.lzma; do
        [ "$(mm-decode "$f" | mm-cat -J | jq -r .data)" = "a text" ] || { echo "$f"; false; }
    done
    head -c 200 /dev/zero >zeros && cp note.txt ok.txt
    mm-decode zeros ok.txt >out.mm
}
