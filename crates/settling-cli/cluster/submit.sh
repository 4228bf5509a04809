#!/usr/bin/env bash
# Submits a study to Slurm: an array job, one task per share, and a job that writes the tables when every task has succeeded.
#
#   export SETTLING=$PWD/target/release/settling
#   crates/settling-cli/cluster/submit.sh 8 --suite runs --models a,b --tokens rows.npy --device cpu --out results
#
# Submitted again, after whatever has happened, it computes only what is missing. Partition, account, time and so on are
# sbatch's own variables (SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT, ...), or lines in the two scripts.
set -euo pipefail

if ! [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || [ $# -lt 2 ]; then
  echo "usage: submit.sh SHARDS ARGUMENTS-OF-STUDY..." >&2
  exit 2
fi
shards=$1
shift

here=$(dirname "$0")
array=$(sbatch --parsable --array="1-$shards" "$here/slurm_array.sh" "$shards" "$@")
array=${array%%;*} # with several clusters, their name follows
merge=$(sbatch --parsable --dependency="afterok:$array" "$here/slurm_merge.sh" "$@")
echo "shards: job $array, tables: job ${merge%%;*}"
