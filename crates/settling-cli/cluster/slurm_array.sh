#!/usr/bin/env bash
# One share of a study: a task of an array job. submit.sh submits it; alone, for shares that failed:
#
#   sbatch --array=3,5 crates/settling-cli/cluster/slurm_array.sh 8 --suite runs --models a,b --tokens rows.npy --device cpu --out results
#
# The number of shares is an argument, since SLURM_ARRAY_TASK_COUNT would be 2 here.
#
#SBATCH --job-name=settling
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=08:00:00
#SBATCH --output=settling-%A_%a.log
# A task that is preempted, or whose node fails, starts again and goes on after the last step that is done.
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if ! [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
  echo "usage: sbatch --array=1-SHARDS slurm_array.sh SHARDS ARGUMENTS-OF-STUDY..." >&2
  exit 2
fi
shards=$1
shift

# Where tasks are not bound to their cores, every process would take all of the node.
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export RAYON_NUM_THREADS=$OMP_NUM_THREADS

exec "${SETTLING:-settling}" study "$@" --shard "$SLURM_ARRAY_TASK_ID/$shards"
