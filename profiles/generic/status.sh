#!/bin/sh
# Says what became of a job: running, success or failed. usage: sh status.sh JOB
# A scheduler that does not answer must not fail the job: it is then taken to run, and asked again.
if command -v scontrol > /dev/null; then
    state=$(scontrol show job -o "$1" 2> /dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p')
    # Slurm forgets a finished job after MinJobAge, 300 s unless set otherwise.
    [ -n "$state" ] || scontrol ping 2> /dev/null | grep -q "is UP" || state=RUNNING
elif command -v bjobs > /dev/null; then
    state=$(bjobs -noheader -o stat "$1" 2> /dev/null)
elif command -v qacct > /dev/null; then # Gridengine: qstat forgets a job as it ends, qacct knows it some seconds later
    if qstat -j "$1" > /dev/null 2>&1; then
        state=RUNNING
    else
        ended=$(qacct -j "$1" 2> /dev/null | sed -n 's/^failed  *\([0-9]*\).*/\1/p; s/^exit_status  *\([0-9]*\).*/\1/p')
        case $(echo $ended) in
            '') state=RUNNING ;;
            '0 0') state=0 ;;
        esac
    fi
elif command -v qstat > /dev/null; then
    job=$(qstat -x -f "$1" 2> /dev/null)
    state=$(printf '%s\n' "$job" | sed -n 's/^ *job_state = //p')
    [ "$state" != F ] || state=$(printf '%s\n' "$job" | sed -n 's/^ *Exit_status = //p')
fi
case $state in
    COMPLETED | DONE | 0) echo success ;;
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED | RESIZING | STOPPED) echo running ;;
    PEND | RUN | PSUSP | USUSP | SSUSP | WAIT | UNKWN) echo running ;;
    Q | R | H | W | E | T | S | B) echo running ;;
    *) echo failed ;;
esac
