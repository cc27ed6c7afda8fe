#!/usr/bin/env bash
# watch.sh HEAD DIRECTORY [COUNT]: labels each picture that is written into DIRECTORY, or moved there. A line each, between tabs:
#
#     name  label  probability  milliseconds  code
#
# Milliseconds count from the picture's last byte to this line. The code is for the controller: 0 good, 1 not good, 2 somebody
# has to look, because the probability is below THRESHOLD or the file is no picture. With COUNT it ends after as many pictures, and
# the worst code is the exit status: `watch.sh HEAD DIRECTORY 1 || eject`. When a program of the pipeline dies, it is 2.
# IMAGE_MODEL and FEATURES are those that the head was trained with, GOOD the label of good parts. Needs inotify-tools and jq.
set -uo pipefail
head=$1 directory=${2%/} count=${3:-0} worst=0
model=${IMAGE_MODEL:-imgfocus-vits14} threshold=${THRESHOLD:-0.8}
read -ra features <<<"${FEATURES-}"
[ -r "$head" ] && [ -d "$directory" ] || { echo "watch.sh: $head and $directory: a head and a directory are needed" >&2 && exit 2; }

# A mark follows each file: what was no picture gets an answer, too, and the next file waits for nothing. The last program takes the
# place of the shell, so that the answers end when one of the programs dies.
pipeline() {
    shopt -s lastpipe
    mm-decode --files-from - --flush --mark -q --key file --root "$directory" -m "$model" |
        mm-encode-image -m "$model" "${features[@]}" |
        mm-label -m "$head" -f jsonl |
        exec jq --unbuffered -r 'if .kind == "mark" then ["end", .key, "-", 0] else ["is", .key, .label, .score] end | @tsv'
}

answered=
coproc watcher { exec inotifywait -m -e close_write,moved_to --exclude '/\.[^/]*$' --format %w%f "$directory"; }
trap 'kill "$watcher_PID" 2>/dev/null' EXIT
while IFS=$'\t' read -r what key label score; do
    if [ "$what" = end ]; then
        [ "$answered" != "$key" ] || { answered= && continue; }
        label=unreadable code=2 # no label came before the mark
    else
        answered=$key
        code=$(awk -v p="$score" -v t="$threshold" -v bad="$([ "$label" = "${GOOD-}" ]; echo $?)" 'BEGIN { print p < t ? 2 : bad }')
    fi
    written=$(stat -c %.Y "$directory/$key" 2>/dev/null) || written=$EPOCHREALTIME # it may have been taken away
    printf '%s\t%s\t%s\t%.0f\t%d\n' "$key" "$label" "$score" "$(awk -v a="$written" -v b="$EPOCHREALTIME" 'BEGIN { print 1000 * (b - a) }')" "$code"
    [ "$code" -le "$worst" ] || worst=$code
    [ "$count" -eq 0 ] || [ $((count -= 1)) -gt 0 ] || exit "$worst"
done < <(pipeline <&"${watcher[0]}")
echo "watch.sh: the pipeline has ended, and $directory is not watched any more" >&2
exit 2
