#!/usr/bin/env bash
# The tables, figures and report of a study whose shares are done: a job that depends on theirs. submit.sh submits it.
# It has the arguments of the shares, --device included: what was computed with others does not count, and is missing then.
#
#SBATCH --job-name=settling-tables
#SBATCH --cpus-per-task=1
#SBATCH --mem=8G
#SBATCH --time=01:00:00
#SBATCH --output=settling-tables-%j.log
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
export RAYON_NUM_THREADS=$OMP_NUM_THREADS

exec "${SETTLING:-settling}" study "$@" --merge
