# gateway.sh: what the benchmarks of the gateway share: a database with a tenant, the
# gateway, the load client, events.  Sourced after lib.sh, not run.
#
# The gateway has core 0, the load client core 1, PostgreSQL and the writer the
# cores left over, else core 1 too.
# shellcheck shell=bash disable=SC2034,SC2154

tenant=bench
gateway_binary=$top_dir/sidecar/wrk_copilot_gateway
gateway_pid=
load_pid=

spread_over_cores() {
	local cores server_cores=1

	cores=$(nproc --all)
	[ "$cores" -le 2 ] || server_cores=2-$((cores - 1))
	ulimit -n "$(ulimit -Hn)"
	on_gateway_core=() on_client_core=() on_server_cores=()
	if [ "$cores" -ge 2 ] && taskset -pc "$server_cores" $$ >/dev/null 2>&1; then
		on_gateway_core=(taskset -c 0)
		on_client_core=(taskset -c 1)
		on_server_cores=(taskset -c "$server_cores")
	fi
}

# The database: a rule for channels "bench:N" and everybody in tenant "bench".
prepare_database() {
	sql "
	CREATE SCHEMA bench;
	GRANT USAGE ON SCHEMA bench TO wrk_member;
	CREATE FUNCTION bench.rights(id text) RETURNS text[]
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS \$\$ SELECT ARRAY['read'] \$\$;
	INSERT INTO wrk.channel_rule (pattern, authorizer)
	VALUES ('bench:{id}', 'bench.rights(text)');
	CREATE ROLE bench_gateway LOGIN IN ROLE wrk_gateway;
	CREATE ROLE bench_writer LOGIN IN ROLE wrk_service;" >/dev/null
}

# make_tokens NUMBER: as many users of the tenant, in $work_dir/tokens
make_tokens() {
	local jwk

	jwk='{"kty":"oct","kid":"bench","alg":"HS256","k":"'$(head -c 32 /dev/urandom | base64 -w 0 |
		tr '+/' '-_' | tr -d '=')'"}'
	sql "SELECT wrk.jwt_key_import('$jwk')" >/dev/null
	sql "SELECT wrk.jwt_sign(jsonb_build_object('sub', 'user' || i, 'tenant_id', '$tenant',
		'roles', '[]'::jsonb, 'exp', extract(epoch FROM now())::bigint + 3600), '$jwk', 'HS256')
		FROM generate_series(1, $1) AS i" >"$work_dir/tokens"
}

# make_channels NUMBER: what clients ask for, and what the writer writes to
make_channels() {
	seq -f 'bench:%.0f' 1 "$1" >"$work_dir/channels"
	sed "s/^/tenant:$tenant:/" "$work_dir/channels" >"$work_dir/channels.canonical"
}

gateway_answers() {
	exec 3<>"/dev/tcp/127.0.0.1/$gateway_port" || return 1
	printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
	head -n 1 <&3 | grep -q ' 200 '
}

start_gateway() {
	[ -x "$gateway_binary" ] || die "no gateway at $gateway_binary; run: make"
	# one tenant has all connections here: its limits are not what is measured
	env WRK_GATEWAY_TENANT_CONNECTIONS=0 WRK_GATEWAY_TENANT_SUBSCRIBES_SECOND=0 \
		WRK_GATEWAY_TENANT_SUBSCRIBES_MINUTE=0 WRK_GATEWAY_ADDRESS_CONNECTIONS=0 \
		WRK_GATEWAY_LISTEN=127.0.0.1 WRK_GATEWAY_PORT="$gateway_port" \
		WRK_GATEWAY_DATABASE="host=$PGHOST port=$PGPORT user=bench_gateway dbname=wrk" \
		"${on_gateway_core[@]}" "$gateway_binary" >>"$work_dir/gateway.log" 2>&1 &
	gateway_pid=$!
	started $gateway_pid
	if ! (wait_for 15 gateway_answers); then
		tail -n 20 "$work_dir/gateway.log" >&2
		die "the gateway did not become ready"
	fi
}

stop_gateway() {
	end_process "$gateway_pid"
}

# ---- the load client, as a process that takes commands

# load_begin CONNECTIONS [OPTION...]: open them all on the channels of make_channels
load_begin() {
	coproc LOAD {
		exec "${on_client_core[@]}" "$bench_dir/bin/wsload" --control \
			--connect 127.0.0.1:$gateway_port --connections "$1" --server-pid "$gateway_pid" \
			--tokens "$work_dir/tokens" --channels "$work_dir/channels" "${@:2}"
	}
	# shellcheck disable=SC2153	# coproc sets it
	load_pid=$LOAD_PID
	started "$load_pid"
	exec {load_out}<&"${LOAD[0]}" {load_in}>&"${LOAD[1]}"
	load_answer
	seq=0
}

# The next line of the load client, in $answer
load_answer() {
	IFS= read -r -t 120 -u "$load_out" answer || die "the load client does not answer"
}

load_end() {
	echo quit >&"$load_in"
	exec {load_in}>&- {load_out}<&-
	wait "$load_pid" || die "the load client failed"
}

# emit RATE EVENTS: write them, rate 0 as fast as it goes; in $written
emit() {
	written=$("${on_server_cores[@]}" "$bench_dir/bin/evwriter" --tenant $tenant --first "$seq" \
		--conninfo "host=$PGHOST port=$PGPORT user=bench_writer dbname=wrk" \
		--channels "$work_dir/channels.canonical" --bytes "$bytes" --rate "$1" --events "$2")
}

# step LABEL RATE EVENTS: one measurement; in $answer and $written
step() {
	local channels

	channels=$(wc -l <"$work_dir/channels")
	echo "begin $seq $1" >&"$load_in"
	load_answer
	emit "$2" "$3"
	echo "end $3" >&"$load_in"
	load_answer
	seq=$(((seq + $3 + channels - 1) / channels * channels))
}

# of NAME: a figure of the last answer
of() {
	field "$1" <<<"$answer"
}

# How many events went wrong in the last step, of any kind
wrong() {
	echo $(($(of lost) + $(of twice) + $(of late) + $(of stray) + $(of gaps) + $(of closed)))
}

# metric NAME: a figure of the gateway's /metrics
metric() {
	exec 3<>"/dev/tcp/127.0.0.1/$gateway_port"
	printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
	sed -n "s/^$1 \([0-9.]*\).*/\1/p" <&3 | head -n 1
	exec 3>&-
}
