# Sixteen workers do the jobs of a queue while they are killed at random: each job
# is done, what a transaction wrote for it is there exactly once, and nobody works on
# a job while somebody else holds it.  The bell rings for queues by name.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Wrk;

my $workers = 16;
my $jobs = $ENV{WRK_JOBS} // 4000;
my $poison = 10;
my $kills = $ENV{WRK_KILLS} // 40;
my $seed = $ENV{WRK_SEED} // time;
my $directory = "$FindBin::RealBin/../worker";
my $program = "$directory/bin/jobworker";

srand $seed;
# whoever runs the tests has made it, or may
system('make', '-s', '-C', $directory) == 0 or BAIL_OUT('the reference worker cannot be built');

my $node = wrk_node('main', conf => "max_connections = 60\n");
my $tmp = PostgreSQL::Test::Utils::tempdir();

# ---------- the bell ----------

# what was heard on wrk_job since the last time: "pid name", one a ring
sub heard
{
	my ($listener, $count) = @_;
	my $end = time + ($count ? 10 : 0.5);
	my @rings;

	while (time < $end)
	{
		my $out = $listener->query('SELECT 1');
		push @rings, "$2 " . ($1 // '')
		  while $out =~ /notification "wrk_job" (?:with payload "([^"]*)" )?received from server process with PID (\d+)/g;
		last if $count && @rings >= $count;
		sleep 0.05;
	}
	return @rings;
}

$node->safe_psql('wrk', q{SELECT wrk.job_queue_set('one'), wrk.job_queue_set('two'), wrk.job_queue_set('stress', max_attempts => 1000, backoff => '0 s'),
	wrk.job_queue_set('poison', max_attempts => 3, backoff => '0 s')});
ok($node->poll_query_until('wrk', q{SELECT wrk.doorbell_mode() = 'worker'}), 'the background worker is there');
my $worker_pid = $node->safe_psql('wrk', 'SELECT worker_pid FROM wrk.doorbell_status()');
my $listener = $node->background_psql('wrk');
$listener->query('LISTEN wrk_job');
heard($listener);
$node->safe_psql('wrk', q{SELECT count(wrk.job_enqueue('one', '{}')) FROM generate_series(1, 1000)});
is(join(',', heard($listener, 1), heard($listener)), "$worker_pid one", 'a thousand jobs of one transaction ring once, by the worker');
$node->safe_psql('wrk', q{SELECT wrk.job_enqueue('two', '{}'), wrk.job_enqueue('one', '{}')});
is(join(',', sort(heard($listener, 2))), "$worker_pid one,$worker_pid two", 'each queue rings by its name');
$node->safe_psql('wrk', q{BEGIN; SELECT wrk.job_enqueue('one', '{}'); ROLLBACK; SELECT wrk.job_enqueue('one', '{}', delay => '1 hour')});
is(join(',', heard($listener)), '', 'neither what is rolled back nor what is delayed rings');
$node->safe_psql('wrk', q{UPDATE wrk.job SET due_at = now() WHERE state = 'delayed'; SELECT count(*) FROM wrk.job_claim('two', 'w', 10); SELECT count(*) FROM wrk.job_claim('one', 'w', 10)});
is(join(',', heard($listener, 1)), "$worker_pid one", 'what was delayed rings when a worker finds that it is due');

$node->append_conf('postgresql.conf', "wrk_copilot.databases = ''\n");
$node->reload;
ok($node->poll_query_until('wrk', q{SELECT wrk.doorbell_mode() = 'transaction'}), 'the background worker is gone');
heard($listener);
$node->safe_psql('wrk', q{SELECT count(wrk.job_enqueue('two', '{}')) FROM generate_series(1, 10)});
my @rings = heard($listener, 1);
like($rings[0], qr/^\d+ two$/, 'the transaction rings itself');
isnt($rings[0], "$worker_pid two", 'and not the worker');
$node->append_conf('postgresql.conf', "wrk_copilot.databases = 'wrk'\n");
$node->reload;
is((split ' ', (heard($listener, 1))[0] . ' any')[1], 'any', 'a worker that starts rings for all queues');
$listener->quit;

# ---------- the stress ----------

$node->safe_psql('wrk', qq{
	CREATE TABLE did (job bigint, token bigint, worker text, at timestamptz, upto timestamptz);
	CREATE TABLE done (job bigint, token bigint, worker text, tenant text);
	SELECT count(wrk.job_enqueue('stress', jsonb_build_object('n', n), tenant_id => 't' || n % 5, priority => n % 3)) FROM generate_series(1, $jobs) n;
	SELECT count(wrk.job_enqueue('poison', '{"n": 0}')) FROM generate_series(1, $poison)});

my (%running, $started);
sub start_worker
{
	my $pid = fork // die "cannot fork: $!";

	$started++;
	if ($pid == 0)
	{
		POSIX::setsid();
		open STDOUT, '>>', "$tmp/out" or die;
		open STDERR, '>>', "$tmp/err" or die;
		{ exec $program, '--conninfo', $node->connstr('wrk'), '--queue', 'stress', '--name', "w$started", '--batch', '7',
		  '--lease', '2', '--poll', '200', '--drain',
		  '--outside', 'INSERT INTO did SELECT $1, $2, $4, clock_timestamp(), j.due_at FROM wrk.job j WHERE j.id = $1 AND j.token = $2',
		  '--work', 'INSERT INTO done VALUES ($1, $2, $4, wrk.tenant_id())'; }
		POSIX::_exit(1);
	}
	$running{$pid} = 1;
}

start_worker() for 1 .. $workers;
my $killed = 0;
my $deadline = time + 300;
while (%running && time < $deadline)
{
	# the others are waiting for nothing
	while ((my $pid = POSIX::waitpid(-1, POSIX::WNOHANG())) > 0) { delete $running{$pid} }
	if ($killed < $kills && %running)
	{
		my $pid = (keys %running)[ int rand keys %running ];
		kill 'KILL', $pid and $killed++;
		POSIX::waitpid($pid, 0);
		delete $running{$pid};
		start_worker();
	}
	sleep 0.05;
}
is(scalar keys %running, 0, 'the workers have come to an end');
is($killed, $kills, "$kills of them were killed");

sub count_of { return $node->safe_psql('wrk', "SELECT count(*) FROM $_[0]"); }

is(count_of(q{wrk.job WHERE queue = 'stress' AND state = 'done'}), $jobs, 'every job is done');
is(count_of(q{wrk.job WHERE queue = 'stress' AND state <> 'done'}), 0, 'and none is anything else');
is(count_of('(SELECT job FROM done GROUP BY job HAVING count(*) = 1) o'), $jobs, 'what its transaction wrote is there once');
is(count_of('done'), $jobs, 'and nothing else');
is(count_of(q{done d JOIN wrk.job j ON j.id = d.job WHERE d.tenant IS DISTINCT FROM j.tenant_id}), 0, 'written in the tenant of the job');
is(count_of('(SELECT DISTINCT job FROM did) o'), $jobs, 'each was begun');
is(count_of('(SELECT FROM did GROUP BY job, token HAVING count(*) > 1) o'), 0, 'nobody began it twice with one token');
is(count_of('(SELECT at, lag(upto) OVER (PARTITION BY job ORDER BY token) AS held FROM did) o WHERE at < held'),
	0, 'nor while somebody else held it');
my $again = count_of('(SELECT FROM did GROUP BY job HAVING count(*) > 1) o');
cmp_ok($again, '>', 0, 'some were begun again after a worker had died');
is(count_of(q{done d WHERE EXISTS (SELECT FROM did o WHERE o.job = d.job AND o.token > d.token)}), 0,
	'none was begun after it was done');

# ---------- poison ----------

command_ok([ $program, '--conninfo', $node->connstr('wrk'), '--queue', 'poison', '--drain', '--poll', '100', '--work',
	q{SELECT 1 / ($3 ->> 'n')::int} ], 'a worker outlives poisoned jobs');
is($node->safe_psql('wrk', q{SELECT count(*), min(attempts), max(attempts), bool_and(last_error LIKE '%division by zero%') FROM wrk.job WHERE queue = 'poison' AND state = 'dead'}),
	"$poison|3|3|t", 'they are dead after their last attempt, and say why');
$node->safe_psql('wrk', q{UPDATE wrk.job SET payload = '{"n": 1}' WHERE queue = 'poison'; SELECT count(wrk.job_retry(id)) FROM wrk.job WHERE queue = 'poison'});
command_ok([ $program, '--conninfo', $node->connstr('wrk'), '--queue', 'poison', '--drain', '--poll', '100', '--work',
	q{SELECT 1 / ($3 ->> 'n')::int} ], 'once mended, they are retried');
is(count_of(q{wrk.job WHERE queue = 'poison' AND state = 'done'}), $poison, 'and done');

# ---------- a crash, a dump ----------

$node->safe_psql('wrk', q{SELECT count(wrk.job_enqueue('two', jsonb_build_object('n', n))) FROM generate_series(1, 50) n; SELECT count(*) FROM wrk.job_claim('two', 'w', 20)});
my $before = $node->safe_psql('wrk', 'SELECT j.* FROM wrk.job j ORDER BY id');
$node->stop('immediate');
$node->start;
is($node->safe_psql('wrk', 'SELECT j.* FROM wrk.job j ORDER BY id') eq $before, 1, 'a crash loses no job and no claim');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$tmp/dump", $node->connstr('wrk') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('again'), "$tmp/dump" ], 'restore');
is($node->safe_psql('again', 'SELECT j.* FROM wrk.job j ORDER BY id') eq $before, 1, 'nor does a dump');
is($node->safe_psql('again', q{SELECT count(*) FROM wrk.job_queue}), 4, 'the queues are there as well');
cmp_ok($node->safe_psql('again', q{SELECT wrk.job_enqueue('two', '{}')}), '>', $node->safe_psql('again', q{SELECT max(id) - 1 FROM wrk.job}), 'ids go on');

diag("seed $seed: $started workers, $killed killed, $again jobs begun again");
$node->stop;
done_testing();
