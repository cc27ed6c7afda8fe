#!/usr/bin/env python3
"""Writes a table as OpenFace does: openface.py [--old|--multi|--image] [FRAMES]; the values are a function of frame, face and column.

The header and the formats of numbers are those of FeatureExtraction 2.2.0, all outputs on: 714 columns;
--old: 0.2, without face_id, blanks after the commas; --multi: FaceLandmarkVidMulti, two faces; --image: FaceLandmarkImg.
Frames 5, 6 and 7 of ten are lost (success 0), and frame 8 has a confidence of 0.40."""
import sys

AU = "01 02 04 05 06 07 09 10 12 14 15 17 20 23 25 26 45".split()


def columns(old):
    names = [f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"]
    if not old:
        names += ["gaze_angle_x", "gaze_angle_y"]
        names += [f"eye_lmk_{axis}_{i}" for axis in "xyXYZ" for i in range(56)]
    names += ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
    names += [f"{axis}_{i}" for axis in "xyXYZ" for i in range(68)]
    names += ["p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty"] + [f"p_{i}" for i in range(34)]
    names += [f"AU{au}_r" for au in AU]
    return names + [f"AU{au}_c" for au in sorted(AU + ["28"])]


def main():
    options = {word for word in sys.argv[1:] if word.startswith("--")}
    frames = next((int(word) for word in sys.argv[1:] if word.isdigit()), 60)
    names = columns("--old" in options)
    first = ["frame", "face_id", "timestamp", "confidence", "success"]
    if "--old" in options:
        first.remove("face_id")
    if "--image" in options:
        first = ["face", "confidence"]
    comma = ", " if "--old" in options else ","
    print(comma.join(first + names))
    for frame in range(1, frames + 1):
        lost, doubtful = frame % 10 in (5, 6, 7), frame % 10 == 8
        for face in (0, 1) if "--multi" in options else (0,):
            confidence = 0 if lost else 0.40 if doubtful else 0.98 - 0.1 * (face == frame % 2)
            facts = {"frame": frame, "face": face, "face_id": face, "timestamp": f"{(frame - 1) / 30:.3f}",
                     "confidence": f"{confidence:.2f}", "success": int(not lost)}
            values = ["0" if lost else f"{(frame * 7 + face * 1000 + column * 3) % 997 / 100:.2f}" for column in range(len(names))]
            print(comma.join([str(facts[name]) for name in first] + values))


main()
