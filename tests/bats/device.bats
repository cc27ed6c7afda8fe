# Which device computes, and how one learns about it. What devices compute is tested by tests/unit and make check-gpu.
bats_require_minimum_version 1.5.0

@test "mm-model devices: the CPU is always there, with a rate" {
    run --separate-stderr mm-model devices --json
    [ "$status" -eq 0 ]
    [ "$(jq -r 'select(.name == "cpu") | .["matrix product"]' <<<"$output" | grep -c 'GFLOP/s')" -eq 1 ]
    run mm-model devices --device cpu
    [ "$status" -eq 0 ]
    [[ $output == cpu*"matrix product"* ]]
}

@test "mm-model devices: a device that is not there says so" {
    run --separate-stderr mm-model devices --json --device vulkan:99
    [ "$(jq -r .error <<<"$output" | wc -l)" -eq 1 ]
    [[ $(jq -r .error <<<"$output") == *[Vv]ulkan* ]]
}

@test "auto falls back to the CPU where there is no GPU, and -v says why" {
    for node in /dev/dri/renderD128 /dev/nvidia0 /dev/nvidiactl /dev/dxg /dev/kgsl-3d0 /dev/mali0; do
        [ ! -e "$node" ] || skip "this machine has a GPU"
    done
    model=$BATS_TEST_DIRNAME/../goldens/encode/vit
    run mm-encode-image -v -m "$model" --device auto </dev/null
    [[ $output == *"device: not vulkan: no GPU ("* ]]
    [[ $output == *"device: cpu"* ]]
}

@test "a device of no known kind is refused by name" {
    run mm-encode-image -m "$BATS_TEST_DIRNAME/../goldens/encode/vit" --device abacus </dev/null
    [ "$status" -eq 2 ]
    [[ $output == *abacus*"no such device"* ]]
}

@test "a precision that the device does not compute in: the message names others" {
    run mm-encode-image -m "$BATS_TEST_DIRNAME/../goldens/encode/vit" --device vulkan --precision bf16 </dev/null
    [ "$status" -eq 2 ]
    [[ $output == *"not in bf16; use --precision fp16 or auto, or --device cpu"* ]]
    run --separate-stderr mm-model devices --json --device vulkan --precision bf16
    [[ $(jq -r .error <<<"$output") == *"--precision fp16 or auto"* ]]
}
