#!/usr/bin/env bash
# Installs what building and the demo need on Debian 12, Debian 13 or Ubuntu 24.04, as far as it is missing; with `tests` as
# its argument also what the tests use. Without root it prints the one command that would do so, and fails.
set -euo pipefail

wanted="gcc make pkg-config bash
    libarchive-dev zlib1g-dev liblzma-dev libavformat-dev libavcodec-dev libavutil-dev libswresample-dev libswscale-dev libjpeg-dev libwebp-dev libtiff-dev libheif-dev
    libjansson-dev libutf8proc-dev libcurl4-openssl-dev
    libvulkan-dev libvulkan-volk-dev glslc mesa-vulkan-drivers vulkan-validationlayers spirv-tools
    mandoc libarchive-tools jq python3-pip python3-venv ca-certificates"
tests="libcmocka-dev bats ffmpeg python3-numpy python3-msgpack python3-msgpack-numpy zsh fish bsdutils xz-utils inotify-tools"
[ "${1:-}" != tests ] || wanted="$wanted $tests"

command -v apt-get >/dev/null || {
    echo "deps.sh: no apt-get here. Needed are the development files of libarchive, FFmpeg (libav*), libjpeg-turbo, libwebp, libtiff, libheif," >&2
    echo "msgpack-c, jansson, utf8proc, libcurl, Vulkan, volk and cmocka, and the programs glslc, pkg-config, bats, mandoc and pip." >&2
    exit 1
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

missing=
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
# msgpack-c is libmsgpack-dev in Debian 12 and Ubuntu 24.04, libmsgpack-c-dev in Debian 13
if ! installed libmsgpack-dev && ! installed libmsgpack-c-dev; then
    if [ -n "$(apt-cache madison libmsgpack-c-dev 2>/dev/null)" ]; then
        missing="$missing libmsgpack-c-dev"
    else
        missing="$missing libmsgpack-dev"
    fi
fi
# libheif has its decoder in a package of its own from Debian 13 and Ubuntu 24.04 on
if ! installed libheif-plugin-libde265 && [ -n "$(apt-cache madison libheif-plugin-libde265 2>/dev/null)" ]; then
    missing="$missing libheif-plugin-libde265"
fi
[ -n "$missing" ] || exit 0

missing=$(echo $missing)
if [ "$(id -u)" -ne 0 ]; then
    echo "deps.sh: packages are missing. As root:" >&2
    echo "    apt-get install --no-install-recommends -y $missing" >&2
    exit 1
fi
echo "installing: $missing"
DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -qq $missing >/dev/null
