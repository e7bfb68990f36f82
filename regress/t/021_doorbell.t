# The bell rings for every commit that emits, whoever rings it: the worker, or
# the transaction itself where no worker lives.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Wrk;

my $emit = q{SELECT wrk.emit('a.b', '{}', '{tenant:t}', tenant_id => 't')};
my $node = wrk_node('main', conf => <<'CONF');
wrk_copilot.databases = 'wrk, later, "not there"'
wrk_copilot.maintenance_interval = 1
max_prepared_transactions = 5
max_worker_processes = 12
CONF

# process that rang since the last call; undef if none did within some seconds
sub heard
{
	my ($listener, $seconds) = @_;
	my $end = time + ($seconds // 10);

	while (time < $end)
	{
		my $out = $listener->query('SELECT 1');
		return $1 if $out =~ /notification "wrk_event" received from server process with PID (\d+)/;
		sleep 0.05;
	}
	return undef;
}

sub wait_for_mode
{
	my ($database, $mode) = @_;
	return $node->poll_query_until($database, "SELECT wrk.doorbell_mode() = '$mode'");
}

sub worker_pid
{
	return $node->safe_psql($_[0] // 'wrk', 'SELECT worker_pid FROM wrk.doorbell_status()');
}

my $listener = $node->background_psql('wrk');
$listener->query('LISTEN wrk_event');

# the worker rings
ok(wait_for_mode('wrk', 'worker'), 'a worker starts for a database that did not exist when the server did');
heard($listener, 0.5);
$node->safe_psql('wrk', $emit);
is(heard($listener), worker_pid(), 'a commit that emits is rung for by the worker');
$node->safe_psql('wrk', "BEGIN; $emit; ROLLBACK; SELECT 1");
is(heard($listener, 0.5), undef, 'a rollback is not');

# many commits, few rings
my $before = $node->safe_psql('wrk', 'SELECT rings FROM wrk.doorbell_status()');
my $script = PostgreSQL::Test::Utils::tempdir() . '/emit.sql';
append_to_file($script, "$emit;\n");
$node->command_ok([ 'pgbench', '-n', '-c', 8, '-t', 100, '-f', $script, '-h', $node->host, '-p', $node->port, 'wrk' ],
	'800 commits of 8 writers');
my ($commits, $rings) = split /\|/,
	$node->safe_psql('wrk', "SELECT commits, rings - $before FROM wrk.doorbell_status()");
cmp_ok($commits, '>=', 800, 'each wanted the bell');
cmp_ok($rings, '<', 800, "which rang $rings times for them");
heard($listener);
heard($listener, 0.5);

# COMMIT PREPARED, by somebody who has not emitted
$node->safe_psql('wrk', "BEGIN; $emit; PREPARE TRANSACTION 'p'");
is(heard($listener, 0.5), undef, 'PREPARE TRANSACTION does not ring');
$node->safe_psql('wrk', "COMMIT PREPARED 'p'");
is(heard($listener), worker_pid(), 'COMMIT PREPARED does');

# the worker dies
my $old = worker_pid();
$node->safe_psql('wrk', "SELECT pg_terminate_backend($old)");
$node->poll_query_until('wrk', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $old)");
$node->safe_psql('wrk', $emit);
ok(heard($listener), 'a commit without a worker is heard');
ok(wait_for_mode('wrk', 'worker'), 'the worker comes back');
isnt(worker_pid(), $old, 'as another process');
ok(heard($listener), 'and rings for those it may have missed');
for (1 .. 20)
{
	$node->safe_psql('wrk', 'SELECT pg_terminate_backend(worker_pid) FROM wrk.doorbell_status()') if $_ % 7 == 0;
	$node->safe_psql('wrk', $emit);
	my $rung = heard($listener);
	$rung or fail('a commit was not heard while workers die'), last;
}

# the launcher dies
my $launcher = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'wrk_copilot launcher'};
my $old_launcher = $node->safe_psql('wrk', $launcher);
$node->safe_psql('wrk', "SELECT pg_terminate_backend($old_launcher)");
ok($node->poll_query_until('wrk', "SELECT EXISTS ($launcher AND pid <> $old_launcher)"), 'the launcher comes back');
wait_for_mode('wrk', 'worker');
is($node->safe_psql('wrk', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'wrk_copilot doorbell' AND datname = 'wrk'}),
	1, 'and leaves the worker that lives alone');

# databases come and go under it
my $untouched = worker_pid();
$node->safe_psql('postgres', 'CREATE DATABASE later');
$node->safe_psql('later', 'CREATE EXTENSION wrk_copilot');
ok(wait_for_mode('later', 'worker'), 'a database made later gets its worker');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE later');
pass('a database with a worker can be copied');
ok(wait_for_mode('later', 'worker'), 'and has its worker again');
$node->safe_psql('postgres', 'ALTER DATABASE later RENAME TO other');
is($node->safe_psql('other', 'SELECT wrk.doorbell_mode()'), 'transaction', 'one with another name has none');
$node->safe_psql('postgres', 'ALTER DATABASE other RENAME TO later');
ok(wait_for_mode('later', 'worker'), 'until it has the old name again');
$node->safe_psql('postgres', 'DROP DATABASE later');
pass('a database with a worker can be dropped');
is(worker_pid(), $untouched, 'which leaves the others alone');

# maintenance: runs what is due, and forgets old events
ok($node->poll_query_until('wrk', q{SELECT last_run IS NOT NULL AND last_error IS NULL FROM wrk.maintenance
	WHERE name = 'wrk.event_rotate'}), 'what is registered is run');
$node->safe_psql('wrk', q{
	CREATE FUNCTION fails() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; END';
	SELECT wrk.maintenance_register('a.fails', 'fails()', '1 hour');
	SELECT wrk.maintenance_register('wrk.event_rotate', 'wrk.event_rotate()', '1 second');
	SELECT wrk.event_retention('1 minute')});
ok($node->poll_query_until('wrk', q{SELECT last_error = 'division by zero (22012)' FROM wrk.maintenance WHERE name = 'a.fails'}),
	'an error is recorded');
my $position = $node->safe_psql('wrk', 'SELECT wrk.position()');
$node->safe_psql('wrk', $emit);
my $after = $node->safe_psql('wrk', 'SELECT wrk.position()');
for my $slot (1 .. 8)
{
	my $current = $node->safe_psql('wrk', 'SELECT wrk.event_slot_current()');

	is($node->safe_psql('wrk', "SELECT wrk.event_recoverable('$position')"), 't', "recoverable after $slot slots") if $slot == 8;
	$node->safe_psql('wrk', q{UPDATE wrk.event_slot SET opened_at = now() - interval '1 hour' WHERE current});
	$node->poll_query_until('wrk', "SELECT wrk.event_slot_current() <> $current") or die 'no rotation';
}
is($node->safe_psql('wrk', "SELECT wrk.event_recoverable('$position')"), 'f', 'past retention a position is not recoverable');
is($node->safe_psql('wrk', "SELECT wrk.event_recoverable('$after')"), 't', 'unless everything thrown away was before it');
is(sqlstate_of($node, "SELECT wrk.position_snapshot('$position')"), 'WK410', 'and says so');

# taken off the list
$node->append_conf('postgresql.conf', "wrk_copilot.databases = ''\n");
$node->reload;
ok(wait_for_mode('wrk', 'transaction'), 'a database taken off the list loses its worker');
heard($listener, 0.5);
$node->safe_psql('wrk', $emit);
ok(heard($listener), 'and is heard all the same');

# a crash loses no ring: whoever listens afterwards reads from its snapshot, and the worker rings
$node->append_conf('postgresql.conf', "wrk_copilot.databases = 'wrk'\n");
$node->stop('immediate');
$node->start;
ok(wait_for_mode('wrk', 'worker'), 'after a crash there is a worker');

# not preloaded
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
my $second = $node->background_psql('wrk');
$second->query('LISTEN wrk_event');
is($node->safe_psql('wrk', 'SELECT mode, worker_pid, commits FROM wrk.doorbell_status()'), 'transaction||',
	'without preloading transactions ring themselves');
$node->safe_psql('wrk', $emit);
ok(heard($second), 'and are heard');
my ($status, $out, $err) = $node->psql('wrk', "BEGIN; $emit; PREPARE TRANSACTION 'q'");
like($err, qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'but cannot be prepared');

$node->stop;
done_testing();
