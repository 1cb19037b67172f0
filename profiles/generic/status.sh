#!/bin/sh
# Says what became of a job: running, success or failed. usage: sh status.sh JOB
# Only a clear answer ends a job: a scheduler that does not answer is asked again, for a job that is taken for failed is
# submitted a second time, beside the first.
unknown='invalid job|unknown job|not found|not exist'
if command -v scontrol > /dev/null; then
    # Slurm forgets a finished job after MinJobAge, 300 s unless set otherwise.
    answer=$(scontrol show job -o "$1" 2>&1)
    state=$(printf '%s\n' "$answer" | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p')
elif command -v bjobs > /dev/null; then
    answer=$(bjobs -noheader -o stat "$1" 2>&1)
    state=$(printf '%s\n' "$answer" | sed -n 's/^\([A-Z]*\) *$/\1/p')
elif command -v qacct > /dev/null; then
    # Gridengine: qstat forgets a job as it ends, qacct knows it some seconds later (and never one that was deleted while
    # it waited: Ctrl-C then).
    answer=
    state=RUNNING
    if ! qstat -j "$1" > /dev/null 2>&1; then
        ended=$(qacct -j "$1" 2> /dev/null | sed -n 's/^failed  *\([0-9]*\).*/\1/p; s/^exit_status  *\([0-9]*\).*/\1/p')
        [ -z "$ended" ] || state=$(echo $ended)
    fi
elif command -v qstat > /dev/null; then
    # PBS forgets a finished job at once unless its job_history_enable is set; it is then taken for failed.
    answer=$(qstat -x -f "$1" 2>&1)
    state=$(printf '%s\n' "$answer" | sed -n 's/^ *job_state = //p')
    [ "$state" != F ] || state=$(printf '%s\n' "$answer" | sed -n 's/^ *Exit_status = //p')
fi
case $state in
    COMPLETED | DONE | 0 | '0 0') echo success ;;
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED | RESIZING | STOPPED) echo running ;;
    PEND | RUN | PSUSP | USUSP | SSUSP | WAIT | UNKWN) echo running ;;
    Q | R | H | W | E | T | S | B) echo running ;;
    '') if printf '%s\n' "$answer" | grep -qiE "$unknown"; then echo failed; else echo running; fi ;;
    *) echo failed ;;
esac
