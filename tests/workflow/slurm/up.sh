#!/bin/bash
# Starts a Slurm of one node, as root on a machine without systemd. usage: up.sh FOLDER
# Needs slurm-wlm and munge. Job steps lose SLURM_CONF, so that its files must be those of /etc/slurm: the caller gives
# this shell a mount namespace in which another folder lies there.
set -euo pipefail
folder=$(realpath -m "$1")
mkdir -p "$folder"/{munge,state,spool,log}
chmod 755 "$folder/munge"
(umask 077; dd if=/dev/urandom of="$folder/munge/munge.key" bs=1024 count=1 status=none)
munged --key-file="$folder/munge/munge.key" --socket="$folder/munge/munge.socket" \
    --pid-file="$folder/munge/munged.pid" --log-file="$folder/munge/munged.log" --seed-file="$folder/munge/munged.seed"
host=$(hostname -s)
cores=$(getconf _NPROCESSORS_ONLN) # nproc would heed the OMP_NUM_THREADS of the tests
memory=$(($(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) * 9 / 10))
cat > /etc/slurm/slurm.conf << CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${SLURMCTLD_PORT:-6817}
SlurmdPort=${SLURMD_PORT:-6818}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=2
MinJobAge=43200
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
echo 'Name=gpu File=/dev/null' > /etc/slurm/gres.conf # a pretended graphics card, so that requests for one are scheduled
slurmctld
slurmd
for _ in $(seq 60); do
    [ "$(sinfo -h -o %t 2> /dev/null)" != idle ] || exit 0
    sleep 0.5
done
tail -n 5 "$folder"/log/*.log >&2
exit 1
