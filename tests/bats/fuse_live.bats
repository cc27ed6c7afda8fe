# mm-fuse in live pipelines: marks, streams that are FIFOs. Each test is a client in fuse_live.py that waits for its
# answers before it writes more.

bats_require_minimum_version 1.5.0

setup() {
    python=${MM_PYTHON:-/usr/bin/python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    cd "$BATS_TEST_TMPDIR" || return 1
    client="$BATS_TEST_DIRNAME/fuse_live.py"
}

# a head over voice and face, of this method
make_head() {
    awk 'BEGIN { print "id,x,y,class" > "a.csv"; print "id,u,v,class" > "b.csv"
        for (i = 0; i < 30; i++) { c = i % 3; printf "s%d,%d,%d,c%d\n", i, (c == 0) * 3, i % 5, c > "a.csv"
            printf "s%d,%d,%d,c%d\n", i, i % 7, (c == 1) * 3, c > "b.csv" } }'
    mm-decode --as feature --of voice --key-column id --label-column class a.csv -o a.mm
    mm-decode --as feature --of face --key-column id --label-column class b.csv -o b.mm
    mm-train classify --method "$1" --seed 3 --epochs 20 -q -o head.safetensors a.mm b.mm
}

@test "a mark ends a sample: the answer and the mark come before anything else is written" {
    "$python" "$client" one_stream --method concat
}

@test "records that pass, fail and are fused keep their order between marks" {
    "$python" "$client" in_order
}

@test "a client that reads late, with full pipes on both sides, gets every answer under its mark" {
    "$python" "$client" unread
}

@test "of two streams the k-th marks are one, written once, as the first has it" {
    "$python" "$client" two_streams
    "$python" "$client" two_streams --flush
    "$python" "$client" marks_differ
}

@test "a producer that writes its FIFOs in turn is never left waiting" {
    "$python" "$client" one_producer
}

@test "--flush: a sample leaves when the next key comes; a record that has begun to come holds nothing up" {
    "$python" "$client" at_once
    "$python" "$client" half_a_record
}

@test "--lateness: a window is answered when all have passed it, or soon after; what comes late makes the exit status 1" {
    "$python" "$client" windows & windows=$!
    "$python" "$client" stalled & stalled=$! # they wait, for seconds
    "$python" "$client" behind
    wait $windows
    wait $stalled
}

@test "--lateness: what comes bit by bit gives the bytes that files give" {
    "$python" "$client" equal_to_batch
}

@test "--lateness: what is there to be read is not late, whatever S" {
    "$python" "$client" recorded
}

@test "times that cannot be, a batch that is full before a mark, and --strict" {
    "$python" "$client" odd_times
    "$python" "$client" training >pairs.mm
    mm-train align -q --seed 3 --epochs 2 -o align.safetensors pairs.mm
    "$python" "$client" full_batches
    "$python" "$client" strict
}

@test "--lateness: 200,000 windows in the memory of 2,000" {
    "$python" "$client" endless
}

@test "--lateness: 5,000 keys beside a silent stream in the memory of 500" {
    "$python" "$client" many_keys
}

@test "--lateness: a stream that leaves a key, or ends, holds its last window up no longer than S seconds" {
    "$python" "$client" left
}

@test "a warning names --memory when a stream is waited for and the others are full" {
    "$python" "$client" full
}

@test "--lateness: a head labels the windows of a call, with the weights of its modalities" {
    "$python" "$client" training >training.mm
    mm-train classify -q --method attention --seed 3 --epochs 40 -o head.safetensors training.mm
    "$python" "$client" live_head
}

@test "--lateness goes with windows of time, and these with features" {
    run -2 mm-fuse --method mean --lateness 1
    [[ "$output" == *"--lateness goes with --join=time"* ]]
    run -2 mm-fuse --method dempster --join time </dev/null
    [[ "$output" == *"label records are combined over a whole key"* ]]
}

# the records but for marks, and how many marks there are
labels() { mm-cat -q -J --data "$1" | grep -v '"kind": *"mark"'; }
marks() { mm-cat -q -J "$1" | grep -c '"kind": *"mark"'; }

@test "marks change no value, with a head and with evidence" {
    make_head gated
    mm-fuse -m head.safetensors --label a.mm b.mm -o want.mm
    "$python" "$client" marked a.mm b.mm >marked.mm
    mm-fuse -m head.safetensors --label marked.mm >got.mm
    [ "$(marks got.mm)" -eq 30 ]
    cmp <(labels got.mm) <(labels want.mm)
    mm-label -m head.safetensors -f stream marked.mm >got.mm
    [ "$(marks got.mm)" -eq 30 ]
    for i in a b; do mm-fuse -m head.safetensors --label $i.mm >label-$i.mm; done
    mm-fuse --method yager label-a.mm label-b.mm -o want.mm
    "$python" "$client" marked label-a.mm label-b.mm >marked.mm
    mm-fuse --method yager marked.mm >got.mm
    [ "$(marks got.mm)" -eq 30 ]
    cmp <(labels got.mm) <(labels want.mm)
}

@test "the weight of each modality is in meta.weights: 1 together, 0 where it is missing" {
    for method in gated routing attention; do
        make_head $method
        mm-fuse -m head.safetensors --label a.mm b.mm | mm-cat -J | jq -e -s 'length == 30 and
            all(.meta.weights | keys == ["face", "voice"] and (add - 1 | fabs) < 1e-6 and all(. >= 0))'
        mm-fuse -m head.safetensors --label a.mm | mm-cat -J | jq -e -s 'all(.meta.weights == {"face": 0, "voice": 1})'
    done
}
