# lib.sh: what the benchmark scripts share.  Sourced, not run.
#
# Everything a script starts is in its work directory or in the list of
# processes below, and is gone when the script ends, however it ends.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top_dir=$(dirname "$bench_dir")
work_dir=
pids=()

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s\n' "$*" >&2
	exit 1
}

# Remember a process, so that the end of the script ends it.
started()
{
	pids+=("$1")
}

# End one process we started, and wait for it.
end_process()
{
	kill -TERM "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

clean_up()
{
	local status=$? pid

	trap - EXIT
	trap '' INT TERM
	for pid in ${pids[@]+"${pids[@]}"}; do
		end_process "$pid"
	done
	if declare -F stop_cluster >/dev/null; then
		stop_cluster || true
	fi
	if [ -n "$work_dir" ]; then
		rm -rf "$work_dir"
	fi
	exit "$status"
}

# Make the work directory; from here on the script cleans up behind itself.
begin_work()
{
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	work_dir=$(mktemp -d "${TMPDIR:-/tmp}/wrk_bench.XXXXXX")
}

# field NAME [FILE]: a number or string of the last flat JSON line of FILE or stdin.
field()
{
	local name=$1

	shift
	sed -n "s/.*\"$name\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$@" | tail -n 1
}

# median NUMBER...: the middle one, the mean of the two middle ones of an even count.
median()
{
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 }
		END { if (NR % 2) print v[(NR + 1) / 2]; else print (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio A B [DIGITS]: A / B
ratio()
{
	awk -v a="$1" -v b="$2" -v d="${3:-2}" 'BEGIN { if (b + 0 == 0) print "-"; else printf "%.*f\n", d, a / b }'
}

# on_core N COMMAND...: pinned when there is such a core.
on_core()
{
	local core=$1

	shift
	if [ "$core" -lt "$(nproc)" ] && command -v taskset >/dev/null; then
		exec taskset -c "$core" "$@"
	fi
	exec "$@"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	local tries=$(($1 * 20))

	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# Is something listening on this port of 127.0.0.1?
port_open()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
