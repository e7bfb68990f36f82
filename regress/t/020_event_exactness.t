# Exactly once: a reader that goes from snapshot to snapshot reads every event
# that was committed, none twice and none that was not, whatever happens to the
# writers and the server meanwhile.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Wrk;

my $writers = 16;
my $node = wrk_node('main', conf => "max_connections = 60\n");

# transactions that emit and commit, roll back, use savepoints, or take their time
my $script = PostgreSQL::Test::Utils::tempdir() . '/writer.sql';
append_to_file($script, <<'SQL');
\set kind random(1, 10)
\set pause random(0, 20)
BEGIN;
SELECT wrk.emit('a.first', '{"n": 1}', '{tenant:t}', tenant_id => 't');
\if :kind = 1
SAVEPOINT s;
SELECT wrk.emit('never.was', '{}', '{tenant:t}', tenant_id => 't');
ROLLBACK TO s;
\endif
\if :kind = 2
SAVEPOINT s;
SELECT wrk.emit('b.kept', '{}', '{tenant:t}', tenant_id => 't');
RELEASE s;
\endif
\if :kind = 3
\sleep :pause ms
SELECT wrk.emit('c.slow', '{}', '{tenant:t}', tenant_id => 't');
\endif
\if :kind = 4
ROLLBACK;
\else
COMMIT;
\endif
SQL

my $snapshot = $node->safe_psql('wrk', 'SELECT pg_current_snapshot()');
my (%times_read, $reads, $longest_gap);

# reads what is new, in one statement with the snapshot to go on from
sub look
{
	my ($out, $err);
	my $status = $node->psql('wrk', qq{
		SELECT pg_current_snapshot(), string_agg(id::text, ' ' ORDER BY id), bool_or(type = 'never.was')
		FROM wrk.event_since('$snapshot')}, stdout => \$out, stderr => \$err);
	return 0 if $status != 0;    # the server is down; the snapshot is still good
	my ($next, $ids, $ghost) = split /\|/, $out;
	die "read what was rolled back" if ($ghost // '') eq 't';
	$times_read{$_}++ for split / /, $ids // '';
	$snapshot = $next;
	$reads++;
	return 1;
}

# lets the writers run for some seconds and reads all the while; $disturb is called now and then
sub run_writers
{
	my ($seconds, $disturb) = @_;
	my ($out, $err) = ('', '');
	my $pgbench = IPC::Run::start([
		'pgbench', '-n', '-c', $writers, '-j', 2, '-T', $seconds, '-f', $script, '-h', $node->host, '-p', $node->port, 'wrk' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(60));
	my $end = time + $seconds;

	while (time < $end)
	{
		look();
		$disturb->() if $disturb;
		sleep 0.02;
	}
	$pgbench->finish;    # clients that were terminated make it fail, which is no news
}

sub compare
{
	my ($what) = @_;
	my %written = map { $_ => 1 } split /\n/, $node->safe_psql('wrk', 'SELECT id FROM wrk.event');

	look() or die 'the server does not answer';
	is(scalar(grep { !$times_read{$_} } keys %written), 0, "$what: none of " . keys(%written) . ' events missed');
	is(scalar(grep { $_ > 1 } values %times_read), 0, "$what: none read twice");
	is(scalar(grep { !$written{$_} } keys %times_read), 0, "$what: none read that is not there");
}

run_writers(3);
compare('undisturbed');
cmp_ok(scalar keys %times_read, '>', 100, 'the writers have written');

run_writers(3, sub {
	$node->psql('wrk', q{
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'pgbench' AND random() < 0.02});
});
compare('writers terminated');

for my $crash (1 .. 3)
{
	my $when = time + 0.5 + rand 0.5;
	my $crashed = 0;

	run_writers(2, sub {
		return if $crashed || time < $when;
		$crashed = 1;
		$node->stop('immediate');
		$node->start;
	});
	run_writers(1);
	compare("crash $crash");
}

my $written = $node->safe_psql('wrk', 'SELECT count(*) FROM wrk.event');
diag("$written events, read in $reads reads");
$node->stop;
done_testing();
