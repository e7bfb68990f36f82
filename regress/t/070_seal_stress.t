# Many write to the audit log while it is sealed, servers crash, and at the end
# every row that is in the log is in just one seal.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Wrk;

my $writers = 8;
my $rows = 10_000;    # of each writer, about
my $seed = ($ENV{WRK_SEED} // time) % 1000;

note("WRK_SEED=$seed");

# nothing but a commit that waits for it flushes WAL
my $node = wrk_node('main', conf => "wal_writer_delay = 10s\nautovacuum = off\nmax_connections = 40\n"
	  . "wrk_copilot.maintenance_interval = 0\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

# Transactions of all lengths of three tenants and of none; some are rolled back, some in part
sub writer
{
	my ($n, $count) = @_;
	my $file = "$dir/writer$n.sql";

	append_to_file($file, "SELECT setseed(0.001 * (($seed + $n) % 1000));\n" . q{
		DO $$
		DECLARE
			done int := 0;
			k int;
		BEGIN
			WHILE done < } . $count . q{ LOOP
				k := 1 + floor(150 * random() ^ 3);
				PERFORM wrk.audit('thing.done', 'thing', i::text, jsonb_build_object('i', i),
					(ARRAY['a', 'b', 'c', NULL])[1 + floor(4 * random())])
				FROM generate_series(1, k) i;
				BEGIN
					PERFORM wrk.audit('thing.undone', 'thing', NULL, NULL, 'a');
					IF random() < 0.5 THEN
						RAISE EXCEPTION 'never mind';
					END IF;
				EXCEPTION WHEN raise_exception THEN
				END;
				IF random() < 0.1 THEN
					ROLLBACK;
				ELSE
					COMMIT;
					done := done + k;
				END IF;
			END LOOP;
		END
		$$;
	});
	return start_psql($file);
}

sub start_psql
{
	my ($file) = @_;
	return IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('wrk'), '-f', $file ],
		'<', \'', '>', "$file.out", '2>', "$file.err", IPC::Run::timeout(120));
}

my $started = 0;

# seals again and again until somebody says that it is enough
sub sealer
{
	my $file = "$dir/sealer" . $started++ . '.sql';

	append_to_file($file, q{
		DO $$
		BEGIN
			LOOP
				PERFORM wrk.seal(1 + floor(3000 * random())::int);
				COMMIT;
				EXIT WHEN EXISTS (SELECT FROM enough);
			END LOOP;
		END
		$$;
	});
	return start_psql($file);
}

my $count = 'SELECT count(*) FROM wrk.audit_log';

# every row is in one seal, and verification says so
sub is_whole
{
	my ($what) = @_;

	is($node->safe_psql('wrk', q{
		SELECT count(*) FROM wrk.audit_log l FULL JOIN (SELECT id, count(*) AS n FROM wrk.audit_seal, unnest(ids) id GROUP BY id) s USING (id)
		WHERE l.xid IS NULL OR s.n IS DISTINCT FROM 1}), 0, "$what: every row is in one seal");
	is($node->safe_psql('wrk', q{
		SELECT bool_and(v.ok), sum(v.rows), sum(v.unsealed), sum(v.dropped), string_agg(v.problem, ' ')
		FROM wrk.audit_head h, wrk.audit_verify(h.tenant_id) v}), 't|' . $node->safe_psql('wrk', $count) . '|0|0|',
		"$what: verification finds nothing");
}

# ---------- writers and sealers at once ----------

$node->safe_psql('wrk', 'CREATE TABLE enough ()');
my @sealers = map { sealer() } 1 .. 2;
my $begun = time;
my @running = map { writer($_, $rows) } 1 .. $writers;
ok($_->finish, 'a writer is done') for @running;
note(sprintf('%d rows in %.1f s', $node->safe_psql('wrk', $count), time - $begun));
$node->safe_psql('wrk', 'INSERT INTO enough DEFAULT VALUES');
ok($_->finish, 'a sealer is done') for @sealers;
$node->safe_psql('wrk', 'TRUNCATE enough');

cmp_ok($node->safe_psql('wrk', $count), '>=', $writers * $rows, 'all rows were written');
cmp_ok($node->safe_psql('wrk', 'SELECT count(*) FROM wrk.audit_seal'), '>', 20, 'in many seals');
1 while $node->safe_psql('wrk', 'SELECT wrk.seal()') > 0;
is_whole('while others wrote');

# ---------- a writer that is open for long ----------

my $late = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('wrk') ], '<', \my $in, '>', \my $out, IPC::Run::timeout(60));
$in = q{BEGIN; SELECT wrk.audit('open.long', 'thing', NULL, NULL, 'a');} . "\n";
$late->pump until $out =~ /\d/;
$node->safe_psql('wrk', q{SELECT wrk.audit('went.by', 'thing', NULL, NULL, 'a')});
is($node->safe_psql('wrk', 'SELECT wrk.seal()'), 1, 'what others commit is sealed meanwhile');
is($node->safe_psql('wrk', 'SELECT wrk.seal()'), 0, 'once');
is($node->safe_psql('wrk', q{SELECT ok FROM wrk.audit_verify('a')}), 't', 'the open one is missed by nobody');
$in = "COMMIT;\n\\q\n";
$late->finish;
is($node->safe_psql('wrk', 'SELECT wrk.seal()'), 1, 'and is sealed when it has committed');

# whoever comes while another seals does not wait
$late = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('wrk') ], '<', \$in, '>', \$out, IPC::Run::timeout(60));
$out = '';
$in = "BEGIN; SELECT 'sealed', wrk.seal();\n";
$late->pump until $out =~ /sealed/;
is($node->safe_psql('wrk', 'SELECT wrk.seal() IS NULL'), 't', 'a second sealer returns at once');
is(sqlstate_of($node, q{SET lock_timeout = '5s'; SELECT wrk.audit('does.not.wait', 'thing', NULL, NULL, 'a')}), '', 'a writer does not wait');
$in = "COMMIT;\n\\q\n";
$late->finish;
is($node->safe_psql('wrk', 'SELECT wrk.seal()'), 1, 'what was written meanwhile is sealed next');
is_whole('with a writer that was open for long');

# ---------- more than one seal can hold ----------

$node->safe_psql('wrk', q{SELECT count(wrk.audit('one.of.many', 'thing', NULL, NULL, 'many')) FROM generate_series(1, 70000)});
is($node->safe_psql('wrk', 'SELECT wrk.seal(10)'), 70_000, 'a transaction is not split');
is($node->safe_psql('wrk', q{SELECT string_agg(cardinality(ids)::text, ' ' ORDER BY seq) FROM wrk.audit_seal WHERE tenant_id = 'many'}),
	'65536 4464', 'it becomes two seals');
is_whole('with a large transaction');

# ---------- crashes ----------

# Commits nobody waits for, and aborted ones whose ids are given out again
$node->append_conf('postgresql.conf', "synchronous_commit = off\n");
$node->reload;
for my $round (1 .. 3)
{
	@sealers = (sealer());
	@running = map { writer("$round$_", 100_000) } 1 .. 4;
	$node->poll_query_until('wrk', 'SELECT count(*) > ' . ($node->safe_psql('wrk', $count) + 2000) . ' FROM wrk.audit_log')
	  or die 'nobody writes';
	$node->safe_psql('wrk', q{BEGIN; SELECT wrk.audit('never.was', 'thing', NULL, NULL, 'a'); ROLLBACK}) for 1 .. 5;
	$node->stop('immediate');
	eval { $_->finish } for @running, @sealers;
	$node->start;
	$node->safe_psql('wrk', q{SELECT wrk.audit('after.crash', 'thing', NULL, NULL, 'b') FROM generate_series(1, 30)}) for 1 .. 5;
	1 while $node->safe_psql('wrk', 'SELECT wrk.seal()') > 0;
	is_whole("after crash $round");
}

$node->stop;
done_testing();
