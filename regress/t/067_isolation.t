# Nobody reads, writes or refers to what is another tenant's, nor learns that it is there: every call of
# wrk.rpc, as every role, with another tenant's ids, is answered as it is for ids that do not exist; and so
# are plain statements on every table.  Calls and tables are found in the database, so new ones are
# tested, or make this fail until they are.  WRK_SEED repeats a run.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $seed = $ENV{WRK_SEED} // int(rand(100000));
note("WRK_SEED=$seed");

my $node = wrk_node('main', install => 1, conf => "wrk_copilot.maintenance_interval = 0\n");
load_world($node, $seed);

sub findings
{
	my ($before, $sql) = @_;
	return $node->safe_psql('wrk', "BEGIN; SET LOCAL client_min_messages TO error; $before; $sql; ROLLBACK");
}

# every call there is, and rows everywhere
is($node->safe_psql('wrk', 'SELECT r.method FROM wrk.rpc r WHERE NOT EXISTS (SELECT FROM regress.example e WHERE e.method = r.method) ORDER BY 1'),
	'', 'every call has an example: add those above to regress/calls.sql');
is($node->safe_psql('wrk', 'SELECT e.method FROM regress.example e WHERE NOT EXISTS (SELECT FROM wrk.rpc r WHERE e.method = r.method) ORDER BY 1'),
	'', 'and no example is of a call that is gone: take those above out of regress/calls.sql');
is($node->safe_psql('wrk', "SELECT regress.empty_tables('b')"), '', 'every table has rows: add some for those above to regress/world.sql');
cmp_ok($node->safe_psql('wrk', 'SELECT regress.watch()'), '>', 30, 'every table with tenants is watched');

my $trespass = q{SELECT concat_ws(E'\n  ', finding || ': ' || method || ' ' || asked::text || ' as ' || string_agg(role, ', '), min(left(theirs, 500)), min(left(nobodys, 500)))
	FROM regress.trespass() GROUP BY finding, method, asked ORDER BY 1};
is(findings('', $trespass), '', 'no call tells, touches or refers to what is another tenant\'s');

my $break_in = q{SELECT finding || ' as ' || string_agg(role, ', ') FROM regress.break_in() GROUP BY finding ORDER BY 1};
is(findings('', $break_in), '', 'nor does a statement on a table');

# a call that reads, one that writes, one that only refuses differently: each is found
my $bad = q{CREATE FUNCTION regress.bad(params jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN %s; RETURN '{}'; END$$;
	GRANT USAGE ON SCHEMA regress TO wrk_member; DELETE FROM regress.example; INSERT INTO regress.example VALUES ('bad.call', '{"id": "<project>"}');
	INSERT INTO wrk.rpc (method, function) VALUES ('bad.call', 'regress.bad(jsonb)')};
my $of = q{FROM copilot.projects p WHERE p.id = (params ->> 'id')::uuid};
like(findings(sprintf($bad, "RETURN (SELECT to_jsonb(p) $of)"), $trespass), qr/^reveals or touches: bad\.call/m, 'a call that reads would be found');
like(findings(sprintf($bad, q{UPDATE copilot.projects SET name = 'x' WHERE id = (params ->> 'id')::uuid}), $trespass),
	qr/^reveals or touches: bad\.call.*\n.*UPDATE of a row of tenant b0000000/m, 'one that writes as well');
like(findings(sprintf($bad, "IF EXISTS (SELECT $of) THEN RAISE 'not yours' USING ERRCODE = 'WK403'; END IF; RAISE 'no project' USING ERRCODE = 'WK404'"),
	$trespass), qr/^tells apart: bad\.call/m, 'and one that refuses in another way');
like(findings('ALTER TABLE copilot.projects DISABLE ROW LEVEL SECURITY', $break_in), qr/^\d+ rows: SELECT 1 FROM copilot\.projects/m,
	'so would be a table that is not protected');

is($node->safe_psql('wrk', 'SELECT * FROM wrk.lint()'), '', 'wrk.lint() finds nothing');

$node->stop;
done_testing();
