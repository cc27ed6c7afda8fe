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
