#!/bin/bash
# `bash workshop/with_python.sh PYTHON ARGUMENTS…`: run a part of the set-up with the machine's own Python.
#
# This script hears Ctrl-C and passes it on as SIGTERM, because a Python that is still starting answers Ctrl-C with a
# traceback. (A script's background job ignores Ctrl-C itself.) A second Ctrl-C kills the job at once.
python=$1
shift
child=

stop() {
    trap 'kill -KILL $child 2>/dev/null; exit "$status"' INT TERM HUP
    status=$1
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    [ -t 2 ] && echo >&2
    echo "stopped: nothing is left running, and the same make goes on from here" >&2
    # After Ctrl-C make ends by itself, and a failed command would only add a line to ours. It may be that we alone were
    # interrupted: so make is told again.
    if [ "$status" = 130 ] && [ -n "$MAKELEVEL" ]; then
        kill -INT "$PPID"
        exit 0
    fi
    exit "$status"
}
trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP

if ! command -v "$python" >/dev/null; then
    echo "$python is not installed: Python 3.11 or newer is needed" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed; $python is older. Say which one: make PYTHON=python3.12" >&2
    exit 1
fi
"$python" "$@" &
child=$!
wait "$child"
