# Four engines tell of 40,000 runs in 100,000 reports, shuffled, many of them twice,
# by signed webhooks that come at once.  Afterwards usage is what the runs come to,
# to the last digit, and what was reached on the way was told once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $engines = 4;
my $runs = 40_000;
my $again = 20_000;    # reports that come another time
my $batch = 500;       # in a webhook
my $seed = $ENV{WRK_SEED} // time;

note "WRK_SEED=$seed";
my $node = wrk_node('main', install => 1, conf => "fsync = off\n");

# The truth is made first, the reports from it.  A binding is one half of the runs.
$node->safe_psql('wrk', qq{
	CREATE ROLE receiver LOGIN IN ROLE wrk_member;
	CREATE FUNCTION id(kind int, n int) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN format('00000000-0000-4000-800%s-%s', kind, lpad(n::text, 12, '0'))::uuid;
	INSERT INTO copilot.tenants (id, name, slug) VALUES (id(1, 1), 'Acme', 'acme');
	INSERT INTO copilot.users (id, email, name) VALUES (id(2, 1), 'ann\@example.com', 'Ann');
	INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES (id(1, 1), id(2, 1));
	INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES (id(1, 1), id(2, 1), 'client');
	INSERT INTO copilot.automations (tenant_id, id, name) VALUES (id(1, 1), id(3, 1), 'automation');
	INSERT INTO copilot.automation_versions (tenant_id, id, automation_id) VALUES (id(1, 1), id(4, 1), id(3, 1));
	BEGIN;
	SELECT wrk.status_import();
	INSERT INTO copilot.workflow_bindings (tenant_id, id, automation_version_id, engine, workflow_ref, status)
	SELECT id(1, 1), id(5, n), id(4, 1), 'n8n', n, 'active' FROM generate_series(0, 1) n;
	COMMIT;
	INSERT INTO copilot.workflow_binding_secrets (tenant_id, workflow_binding_id, secret) SELECT tenant_id, id, repeat('secret ' || workflow_ref, 4) FROM copilot.workflow_bindings;
	INSERT INTO copilot.usage_thresholds (tenant_id, automation_version_id, metric, value)
	SELECT id(1, 1), id(4, 1), 'runs', v FROM unnest('{1,5000,10000,1000000}'::numeric[]) v;

	SELECT setseed(($seed % 1000) / 1000.0);
	CREATE TABLE truth AS
	SELECT n, n % 2 AS binding, 'run ' || n / 2 AS run, s.status, round((random() * 10)::numeric, 3) AS units,
		t.started_at, t.started_at + round(random() * 1e6) / 1000 * interval '1 second' AS finished_at
	FROM generate_series(0, $runs - 1) n, LATERAL (SELECT ('{succeeded,succeeded,failed,cancelled,running}'::text[])[1 + floor(random() * 5 + n * 0)::int] AS status) s,
		LATERAL (SELECT date_trunc('second', now() - (random() + n * 0) * interval '90 days') AS started_at) t;
	CREATE TABLE webhook AS
	WITH told AS (
		SELECT binding, jsonb_build_object('run_id', run, 'status', 'running', 'started_at', started_at) AS e FROM truth
		UNION ALL
		SELECT binding, jsonb_build_object('run_id', run, 'status', status, 'started_at', started_at, 'units', units)
			|| CASE WHEN status <> 'running' THEN jsonb_build_object('finished_at', finished_at) ELSE '{}' END FROM truth),
	reports AS (SELECT * FROM told UNION ALL (SELECT * FROM told ORDER BY random() LIMIT $again)),
	shuffled AS (SELECT r.*, row_number() OVER (PARTITION BY binding ORDER BY random()) AS place FROM reports r)
	SELECT row_number() OVER (ORDER BY place / $batch, binding) AS n, binding, jsonb_agg(e ORDER BY place)::text AS body, count(*) AS reports
	FROM shuffled GROUP BY binding, place / $batch;
	GRANT SELECT ON webhook TO receiver;
});
is($node->safe_psql('wrk', 'SELECT sum(reports) FROM webhook'), 2 * $runs + $again, 'there are 100,000 reports');

# each engine sends its share of the webhooks, each in a transaction of its own
my $dir = PostgreSQL::Test::Utils::tempdir();
my $began = time;
my @running = map {
	append_to_file("$dir/$_.sql", qq{
		SELECT format('SELECT copilot.ingest_run_event(%L, (SELECT body FROM webhook WHERE n = %s), id(5, %s)) ->> ''changed''',
			wrk.webhook_sign(convert_to(body, 'UTF8'), repeat('secret ' || binding, 4), 'msg_' || n), n, binding)
		FROM webhook WHERE n % $engines = $_ ORDER BY n
		\\gexec
	});
	IPC::Run::start([ 'psql', '-XqAt', '-U', 'receiver', '-d', $node->connstr('wrk'), '-f', "$dir/$_.sql" ],
		'<', \'', '>', "$dir/$_.out", '2>', "$dir/$_.err", IPC::Run::timeout(150));
} 0 .. $engines - 1;
my $finished = grep { $_->finish } @running;
note 'taken in ', time - $began, ' s';
is($finished, $engines, 'every engine has sent all it had');
is(join('', map { slurp_file("$dir/$_.err") } 0 .. $engines - 1), '', 'and nothing was refused, nobody waited in a circle');

sub value { return $node->safe_psql('wrk', "SELECT $_[0]"); }

is(value('count(*) FROM copilot.run_events'), $runs, 'every run is there once');
is(value(q{count(*) FROM truth t WHERE NOT EXISTS (
	SELECT FROM copilot.run_events r WHERE r.workflow_binding_id = id(5, t.binding) AND r.run_id = t.run AND r.status = t.status
		AND r.started_at = t.started_at AND r.units = greatest(t.units, CASE t.status WHEN 'running' THEN 1 ELSE 0 END)
		AND r.finished_at IS NOT DISTINCT FROM CASE WHEN t.status <> 'running' THEN t.finished_at END)}), 0,
	'as it ended, whatever was told last');
my $sums = q{count(*), count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
	count(*) FILTER (WHERE status = 'cancelled'), coalesce(sum(units) FILTER (WHERE status = 'succeeded'), 0),
	coalesce(sum(extract(epoch FROM finished_at - started_at)) FILTER (WHERE status <> 'running'), 0)};
is(value('count(*) > 2 FROM copilot.usage_aggregates'), 't', 'runs are of several months');
is(value(qq{count(*) FROM (
	SELECT date_trunc('month', started_at AT TIME ZONE 'UTC')::date, $sums FROM truth GROUP BY 1
	EXCEPT SELECT period_start, runs, succeeded, failed, cancelled, units, seconds FROM copilot.usage_aggregates) d}), 0,
	'usage is what the runs come to');
is(value('sum(runs) FROM copilot.usage_aggregates'), $runs, 'and no more');
is(value(q{count(*) FROM copilot.usage_alerts}), value(q{count(*) FROM copilot.usage_thresholds t
	JOIN copilot.usage_aggregates a ON a.automation_version_id = t.automation_version_id AND a.runs >= t.value}),
	'every threshold that was reached has its alert, once for each month');
is(value(q{count(*) FROM copilot.notifications WHERE kind = 'alert'}), value('count(*) FROM copilot.usage_alerts'), 'and was told once');
is(value(q{count(*) FROM wrk.event WHERE type = 'run.created'}), $runs, 'every run was announced once');

# any of it again changes nothing
$node->safe_psql('wrk', 'CREATE TABLE before AS SELECT a.* FROM copilot.usage_aggregates a');
is(value(q{sum((copilot.ingest_run_events(id(5, binding), body::jsonb) ->> 'changed')::int) FROM webhook WHERE n % 5 = 0}), 0, 'reports that come again say nothing new');
is(value('count(*) FROM (SELECT * FROM copilot.usage_aggregates EXCEPT SELECT * FROM before) d'), 0, 'and change no sum');

$node->stop;
done_testing();
