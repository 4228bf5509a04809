#!/usr/bin/env bash
# A study on several GPUs of one machine: one process per GPU, then the tables.
#
#   export SETTLING=$PWD/target/release/settling
#   crates/settling-cli/cluster/gpus.sh 4 --suite runs --models a,b --tokens rows.npy --out results
#
# DEVICE=cpu gives as many processes on the processor. Cores are divided among them, unless OMP_NUM_THREADS says otherwise.
set -euo pipefail

if ! [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || [ $# -lt 2 ]; then
  echo "usage: gpus.sh GPUS ARGUMENTS-OF-STUDY..." >&2
  exit 2
fi
gpus=$1
shift

# Every process sees one GPU, which for it is cuda:0.
study=("${SETTLING:-settling}" study "$@" --device "${DEVICE:-cuda:0}")
cores=$(getconf _NPROCESSORS_ONLN)
threads=${OMP_NUM_THREADS:-$((cores > gpus ? cores / gpus : 1))}

processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
for ((gpu = 0; gpu < gpus; gpu++)); do
  CUDA_VISIBLE_DEVICES=$gpu OMP_NUM_THREADS=$threads RAYON_NUM_THREADS=$threads \
    "${study[@]}" --shard "$((gpu + 1))/$gpus" &
  processes+=($!)
done
failed=0
for process in "${processes[@]}"; do
  wait "$process" || failed=$?
done
trap - EXIT
[ "$failed" = 0 ] || exit "$failed"
exec "${study[@]}" --merge
