# lib.sh: what the benchmark scripts share.  Sourced, not run.
#
# A script calls begin_work first.  Everything it starts afterwards lives below
# its work directory or is remembered with started(), and is gone when the
# script ends, however it ends.
#
# Ports: BENCH_PORT (54420) for PostgreSQL and the three above it for servers.
# shellcheck shell=bash disable=SC2034

set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES "${!PG@}"

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top_dir=$(dirname "$bench_dir")
case ${1:-} in -*) exec "$top_dir/tools/usage" "$0" "$1" ;; esac
pg_port=${BENCH_PORT:-54420}
gateway_port=$((pg_port + 1))
bare_port=$((pg_port + 2))
selftest_port=$((pg_port + 3))
work_dir=
pids=()

say() {
	printf '%s\n' "$*"
}

# title TEXT...: say, after an empty line
title() {
	printf '\n%s\n' "$*"
}

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# PostgreSQL refuses root: run this script again as an ordinary user.
leave_root() {
	if [ "$(id -u)" = 0 ]; then
		exec "$top_dir/tools/unroot" "bench/$(basename "$0")" "$@"
	fi
}

# Remember a process, so that the end of the script ends it.
started() {
	pids+=("$1")
}

# End one process we started, and wait for it.
end_process() {
	kill -TERM "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

clean_up() {
	local status=$? pid

	trap - EXIT
	trap '' INT TERM
	for pid in ${pids[@]+"${pids[@]}"}; do
		end_process "$pid"
	done
	if [ -n "${CLUSTER_DIR:-}" ] && [ -d "$CLUSTER_DIR" ]; then
		"$top_dir/tools/cluster" destroy || true
	fi
	if [ -n "$work_dir" ]; then
		rm -rf "$work_dir"
	fi
	exit "$status"
}

# Build the programs and make the work directory; from here on the script
# cleans up behind itself.
begin_work() {
	make -s -C "$bench_dir" || die "the benchmark programs cannot be built"
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir -p "$top_dir/tmp"
	work_dir=$(mktemp -d "$top_dir/tmp/bench.XXXXXX")
}

# start_cluster [SETTING=VALUE ...]: a private PostgreSQL with the extension in
# database "wrk", which psql and libpq find through the environment.
start_cluster() {
	export CLUSTER_DIR=$work_dir/cluster CLUSTER_PORT=$pg_port
	"$top_dir/tools/cluster" start "$@" || die "the cluster did not start"
	# the tree's own pg_config, first on PATH from now on, would mislead tools/cluster
	PG_CONFIG=${PG_CONFIG:-$(command -v pg_config)}
	export PG_CONFIG
	eval "$("$top_dir/tools/cluster" env)"
	createdb wrk
	export PGDATABASE=wrk PGOPTIONS="--client-min-messages=warning"
	sql "CREATE EXTENSION wrk_copilot" || die "the extension cannot be created"
}

# sql STATEMENT: run it, print values only
sql() {
	psql -XqAt -v ON_ERROR_STOP=1 -c "$1"
}

# field NAME [FILE]: a number or string of the last flat JSON line of FILE or stdin.
field() {
	local name=$1

	shift
	sed -n "s/.*\"$name\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" "$@" | tail -n 1
}

# median NUMBER...: the middle one, the mean of the two middle ones of an even count.
median() {
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 }
		END { printf "%.10g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ratio A B: A / B
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 == 0) print "-"; else printf "%.2f\n", a / b }'
}

# less A B: is the number A less than B?
less() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'
}

# record KEY=VALUE ...: append a line of JSON to the file BENCH_JSON, if it is set.
record() {
	local pair line='' separator=''

	[ -n "${BENCH_JSON:-}" ] || return 0
	for pair in "bench=$(basename "$0")" "$@"; do
		line+=$separator\"${pair%%=*}\":\"${pair#*=}\"
		separator=,
	done
	printf '{%s}\n' "$line" >>"$BENCH_JSON"
}


# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local tries=$(($1 * 20))

	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# listening PORT: is a socket of 127.0.0.1 listening there?  (Asking by
# connecting would count as a client.)
listening() {
	grep -qi "0100007F:$(printf '%04X' "$1") 00000000:0000 0A" /proc/net/tcp
}
