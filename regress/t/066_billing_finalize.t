# Sixteen at once finalize one billing period while runs are still being counted: one
# of them does, the others are told, and the bill is that of its own lines.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

use constant TRIES => 16;

my $node = wrk_node('main', install => 1, conf => "max_connections = 60\n");
my ($tenant, $ada) = ('a0000000-0000-4000-8000-000000000000', '00000000-0001-4000-8000-000000000001');
my $as_ada = "SELECT wrk.impersonate('$tenant', '$ada', '{admin}')";

$node->safe_psql('wrk', qq{
	INSERT INTO copilot.tenants (id, name, slug) VALUES ('$tenant', 'Acme', 'acme');
	INSERT INTO copilot.users (id, email, name) VALUES ('$ada', 'ada\@example.com', 'Ada');
	INSERT INTO copilot.tenant_users (tenant_id, user_id) VALUES ('$tenant', '$ada');
	INSERT INTO copilot.user_roles (tenant_id, user_id, role) VALUES ('$tenant', '$ada', 'admin');
	INSERT INTO copilot.automations (tenant_id, name) SELECT '$tenant', 'automation ' || n FROM generate_series(1, 20) n;
	INSERT INTO copilot.automation_versions (tenant_id, automation_id, intake_progress) SELECT tenant_id, id, 100 FROM copilot.automations;
	BEGIN; $as_ada; UPDATE copilot.automation_versions SET status = 'needs_pricing';
	UPDATE copilot.automation_versions SET status = 'awaiting_client_approval';
	UPDATE copilot.automation_versions SET status = 'build_in_progress'; COMMIT;
	UPDATE copilot.quotes SET answered_at = '2024-02-03 12:00 UTC';
	INSERT INTO copilot.usage_aggregates (tenant_id, automation_version_id, period_start, period_end, units)
	SELECT tenant_id, id, '2024-02-01', '2024-03-01', 1000 FROM copilot.automation_versions;
	BEGIN; $as_ada; SELECT copilot.billing_draft('2024-02-01'); COMMIT});
sub value { return $node->safe_psql('wrk', $_[0]) }

# psql with this input, from a file: nobody waits for this script to feed it
my $sessions = 0;

sub start
{
	my ($sql) = @_;
	my %session = (out => '', err => '');
	my $file = PostgreSQL::Test::Utils::tempdir . '/' . ++$sessions . '.sql';
	append_to_file($file, $sql);
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('wrk'), '-v', 'VERBOSITY=sqlstate', '-f', $file ],
		'>', \$session{out}, '2>', \$session{err});
	return \%session;
}

my $waiting = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted};

# everybody waits at the gate, so that all are there when it opens
my $gate = start('SELECT pg_advisory_lock(4711), pg_sleep(600)');
$node->poll_query_until('wrk', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND granted})
  or die 'the gate does not close';
my @tries = map { start("BEGIN; DO \$\$BEGIN PERFORM wrk.impersonate('$tenant', '$ada', '{admin}'); END\$\$; "
	  . "SELECT FROM pg_advisory_lock_shared(4711); SELECT copilot.billing_finalize(id) ->> 'amount' FROM copilot.billing_periods; COMMIT;") } 1 .. TRIES;
my $usage = start('SELECT FROM pg_advisory_lock_shared(4711); '
	. join ' ', map { "UPDATE copilot.usage_aggregates SET units = units + 1;" } 1 .. 50);
$node->poll_query_until('wrk', "SELECT ($waiting) = " . (TRIES + 1)) or die 'not all come to the gate';
value('SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = \'advisory\' AND objid = 4711 AND granted');
$_->{run}->finish for @tries, $usage, $gate;

my @amounts = grep { length } map { $_->{out} =~ s/\s+//gr } @tries;
my $refused = () = join('', map { $_->{err} } @tries) =~ /ERROR:  WK409/g;
is(scalar @amounts, 1, 'one of sixteen finalizes the period');
is($refused, TRIES - 1, 'the others are told that it is finalized (WK409), and nothing else happens to them');
is($usage->{err}, '', 'runs are counted all the while');
is(value('SELECT status, amount FROM copilot.billing_periods'), "finalized|$amounts[0]", 'the amount is what the one was told');
is(value('SELECT sum(amount) FROM copilot.billing_lines'), $amounts[0], 'which its lines add up to');
is(value('SELECT count(*), count(DISTINCT automation_version_id) FROM copilot.billing_lines'), '40|20',
	'a line for each setup and each use, none twice');
is(value(q{SELECT sum(quantity) = (SELECT used_units FROM copilot.billing_periods) FROM copilot.billing_lines WHERE kind = 'overage'}),
	't', 'of the usage of one moment');
is(value(q{SELECT count(*) FROM wrk.state_change WHERE entity = 'billing_period' AND to_state = 'finalized'}), 1, 'one change of state');
is(value(q{SELECT count(*) FROM wrk.audit_log WHERE action = 'billing_period.status.finalized'}), 1, 'one row of the log');
is(value(q{SELECT count(*) FROM copilot.notifications WHERE resource_type = 'billing_period'}), 1, 'one notification');

$node->stop;
done_testing();
