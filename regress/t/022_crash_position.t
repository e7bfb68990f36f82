# A position survives a crash: what a client was told it has is never more than
# what the server still knows after recovery.
#
# Aborted transactions move a snapshot's xmax, but nobody waits for their abort
# records to be on disk.  If a position went out before that, their xids would
# be given away again after a crash and the events of the new owners would count
# as seen.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

# nothing but a commit or a position flushes WAL
my $node = wrk_node('main', conf => "wal_writer_delay = 10s\nautovacuum = off\n");

my %ways = (
	'wrk.position()' => 'SELECT wrk.position()',
	'gateway_hello()' => q{SELECT wrk.gateway_hello('tap') ->> 'position'},
	'gateway_fetch()' => q{SELECT wrk.epoch() || '.' || (SELECT payload FROM wrk.gateway_fetch(
		(SELECT pg_current_snapshot()::text)) WHERE id IS NULL)});

for my $way (sort keys %ways)
{
	$node->safe_psql('wrk', q{SELECT wrk.emit('before.crash', '{}', '{global}', tenant_id => NULL)});
	$node->safe_psql('wrk', q{BEGIN; SELECT wrk.emit('never.was', '{}', '{global}', tenant_id => NULL); ROLLBACK}) for 1 .. 20;
	my $position = $node->safe_psql('wrk', $ways{$way});

	$node->stop('immediate');
	$node->start;
	$node->safe_psql('wrk', q{SELECT wrk.emit('after.crash', '{}', '{global}', tenant_id => NULL)});
	is($node->safe_psql('wrk', qq{
		SELECT type FROM wrk.gateway_fetch(wrk.position_snapshot('$position')::text) WHERE id IS NOT NULL}),
		'after.crash', "a position of $way misses nothing after a crash");
}

$node->stop;
done_testing();
