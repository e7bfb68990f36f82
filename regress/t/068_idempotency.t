# A call that comes again with its key, after its first answer or while that is on its way, gets the same
# answer and does nothing more: every call of wrk.rpc that an example of regress/calls.sql succeeds with.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

# examples that need what no row says: somebody's password, a lock that is held, a stop that began by a step
my @without = qw(automation_version.resume automation_version.unblock lock.renew password.change);
my $seed = $ENV{WRK_SEED} // int(rand(100000));
note("WRK_SEED=$seed");

my $node = wrk_node('main', install => 1, conf => "wrk_copilot.maintenance_interval = 0\n");
load_world($node, $seed);
$node->safe_psql('wrk', "\\i $FindBin::RealBin/../idempotency.sql");
$node->safe_psql('wrk', "CALL regress.make_runs($seed)");
is($node->safe_psql('wrk', q{SELECT string_agg(r.method, ' ' ORDER BY r.method) FROM wrk.rpc r WHERE NOT EXISTS (SELECT FROM regress.run c WHERE c.method = r.method)}),
	join(' ', @without), 'every other call has an example that succeeds: see to those above in regress/calls.sql');

is($node->safe_psql('wrk', 'CALL regress.twice_each()'), 'session.logout is refused the second time: WK4E2 "the session has been ended"',
	'a call made again gets the same answer and leaves nothing more, a log-out alone means the session is gone');

my @sessions = map {
	IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('wrk'), '-c', "CALL regress.$_()" ], '>&', \my $out, IPC::Run::timeout(180))
} qw(lead follow);
ok($_->finish, 'two sessions make each call at once') for @sessions;
my $pairs = 'regress.answer a JOIN regress.answer b ON b.n = a.n AND b.session = 2 WHERE a.session = 1';
cmp_ok($node->safe_psql('wrk', "SELECT count(DISTINCT a.method) FROM $pairs"), '>', 100, 'more than a hundred calls');
is($node->safe_psql('wrk', "SELECT a.method FROM $pairs AND NOT (a.in_time AND b.in_time)"), '', 'the second waits for the first');
is($node->safe_psql('wrk', "SELECT a.method, a.state, b.state, a.result, b.result FROM $pairs AND (a.state <> '00000' OR b.state <> '00000'"
	. ' OR (regress.kept(a.method, a.result), a.event_id) IS DISTINCT FROM (b.result, b.event_id))'), '', 'and gets its answer');
is($node->safe_psql('wrk', 'SELECT key FROM wrk.event WHERE key IS NOT NULL GROUP BY tenant_id, key HAVING count(DISTINCT xid) > 1'), '',
	'of which there are no events twice');

$node->stop;
done_testing();
