# A commit is seen a little before other backends are told to forget the rights in their caches. Whoever is
# handed the news of a loss asks about it at once, and must not be answered out of such a cache.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use File::Copy qw(copy);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $build = PostgreSQL::Test::Utils::tempdir;
copy("$FindBin::RealBin/../late_commit/$_", $build) or die "$_: $!" for qw(Makefile late_commit.c);
system_or_bail('make', '-s', '-C', $build);

my $node = wrk_node('late');
my $held = "$build/held";

# a session that stays: { in, out, run, asked }
sub session
{
	my %session = (in => '', out => '', asked => 0);

	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('wrk') ],
		'<', \$session{in}, '>', \$session{out}, IPC::Run::timeout(180));
	return \%session;
}

# sends SQL and does not wait for the answer
sub begin
{
	my ($session, $sql) = @_;

	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo asked " . ++$session->{asked} . "\n";
	$session->{run}->pump_nb;
	return;
}

sub answer
{
	my ($session) = @_;

	$session->{run}->pump until $session->{out} =~ /^asked $session->{asked}$/m;
	return (split /\n/, $session->{out})[0];
}

sub ask
{
	begin(@_);
	return answer($_[0]);
}

my $may = q{WITH who AS MATERIALIZED (SELECT wrk.impersonate('t', 'u', '{reader}')) SELECT wrk.can('read', 'book') FROM who};

$node->safe_psql('wrk', q{INSERT INTO wrk.role (name, bit) VALUES ('reader', 40);
	INSERT INTO wrk.permission (role, action, resource_type) VALUES ('reader', 'read', 'book')});
my ($writer, $reader, $gateway) = map { session() } 1 .. 3;
my $since = ask($gateway, 'SELECT pg_current_snapshot()');

ask($writer, "LOAD '$build/late_commit.so'");
ask($writer, "SET late_commit.file = '$held'");
is(ask($reader, $may), 't', 'a right is in the cache');

append_to_file($held, '');
begin($writer, q{DELETE FROM wrk.permission WHERE role = 'reader'});
$writer->{run}->pump_nb;
ok($node->poll_query_until('wrk', q{SELECT NOT EXISTS (SELECT FROM wrk.permission WHERE role = 'reader')}), 'everybody sees that it is gone');
is(ask($reader, $may), 't', 'and who has it in the cache has not been told');

begin($gateway, "SELECT count(*) FROM wrk.gateway_fetch('$since') WHERE class = 'x'");
ok($node->poll_query_until('wrk', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted}),
	'who is to have the news waits for the end of the commit');
unlink $held or die "$held: $!";
is(answer($gateway), '1', 'and then has it');
is(ask($reader, $may), 'f', 'when nobody is answered out of an old cache any more');

begin($_, '\q') for $writer, $reader, $gateway;
$_->{run}->finish for $writer, $reader, $gateway;
done_testing();
