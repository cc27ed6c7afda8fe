#!/usr/bin/env bash
# live.sh HEAD CALL OUT [SPEED]: plays the call in directory CALL (call.wav, words.csv, face.csv) as fast as it was, or SPEED times as
# fast, through the tools. Every two seconds of it become a line, as soon as its last words are there:
#
#     start  end  mood  probability  sentiment  text  customer  agent  face  [truth]
#
# Sentiment is the probability of a good mood less that of a bad one; the next four are the weights of the modalities. The labels
# are also written to OUT.mm, for the timeline. A real call comes from a telephone exchange instead: its sound by ffmpeg,
# words from a recogniser or a chat and faces from OpenFace (mm-decode --as openface) into a pipe each. LATENESS counts seconds of the
# call: at SPEED 4, or on a slow machine, the encoders need a larger one. Needs ffmpeg, and Python with msgpack.
set -euo pipefail
head=$1 call=$2 out=$3 speed=${4:-1}
python=${MM_PYTHON:-python3}
for input in "$head" "$call"/{call.wav,words.csv,face.csv}; do
    [ -r "$input" ] || { echo "live.sh: $input is not there" >&2 && exit 2; }
done
"$python" -c 'import msgpack' || exit 2
read -ra features <<<"${FEATURES---layer 3,4,5,6}"
here=$(dirname "$0") pipes=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -r "$pipes"' EXIT

# The key of all is `call`: that of the sound is the name of its pipe.
mkfifo "$pipes/call"
ffmpeg -v error -nostdin -readrate "$speed" -i "$call/call.wav" -f wav pipe: >"$pipes/call" &
voices() {
    mm-decode --key base --channel 1=agent,2=customer --window 2 --flush "$pipes/call" |
        mm-encode-audio -m "${AUDIO_MODEL:-whisper-base}" "${features[@]}" --flush
}
words() {
    "$python" "$here/play.py" "$call/words.csv" "$speed" |
        mm-decode --column text --of text --key-column call --time-column start,end --flush - |
        mm-encode-text -m "${TEXT_MODEL:-minilm-l6}" --flush
}
face() {
    "$python" "$here/play.py" "$call/face.csv" "$speed" |
        mm-decode --as feature --of face --key-column call --time-column start,end --flush -
}

# A window waits for words that may still come: an utterance is there when it has ended.
mm-fuse -m "$head" --label --join time --window 2 --lateness "${LATENESS:-10}" --flush <(voices) <(words) <(face) |
    tee "$out.mm" |
    mm-cat --flush --json |
    "$python" "$here/lines.py" $([ ! -e "$call/truth.csv" ] || echo "$call/truth.csv") | tee "$out.tsv"
