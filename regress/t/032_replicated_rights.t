# Changes of rights and keys that logical replication brings count at once, also
# in sessions that have read them before.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use Test::More;
use Wrk;

my $primary = wrk_node('primary', conf => "wal_level = logical\nmax_wal_senders = 5\n");
my $replica = wrk_node('replica');
my @tables = qw(wrk.role wrk.permission wrk.jwt_key);

$primary->safe_psql('wrk', 'CREATE PUBLICATION rights FOR TABLE ' . join(', ', @tables));
$replica->safe_psql('wrk', q{CREATE SUBSCRIPTION rights CONNECTION '} . $primary->connstr . q{ dbname=wrk' PUBLICATION rights});
$replica->wait_for_subscription_sync($primary, 'rights', 'wrk');

# one session that stays; what it has heard of it has in its cache
my ($in, $out) = ('', '');
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $replica->connstr('wrk') ],
	'<', \$in, '>', \$out, IPC::Run::timeout(180));
my $asked = 0;

sub ask
{
	my ($sql) = @_;

	$asked++;
	$out = '';
	$in .= "$sql;\n\\echo asked $asked\n";
	$session->pump until $out =~ /^asked $asked$/m;
	return (split /\n/, $out)[0];
}

sub replicate
{
	$primary->safe_psql('wrk', $_[0]);
	$primary->wait_for_catchup('rights');
	return;
}

my $may = q{WITH who AS MATERIALIZED (SELECT wrk.impersonate('t', 'u', '{reader}')) SELECT wrk.can('read', 'book') FROM who};
my $token = $primary->safe_psql('wrk', q{SELECT wrk.jwt_sign('{"sub": "u", "tenant_id": "t", "exp": 4102444800}', '} . key_jwk() . q{')});

ask(q{CREATE FUNCTION pg_temp.known() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM wrk.authenticate(''} . $token . q{''); RETURN true; EXCEPTION WHEN SQLSTATE ''WK401'' THEN RETURN false; END'});
is(ask($may), 'f', 'nothing is granted yet');
is(ask('SELECT pg_temp.known()'), 'f', 'and no key known');

replicate(q{
	INSERT INTO wrk.role (name, bit) VALUES ('reader', 40);
	INSERT INTO wrk.permission (role, action, resource_type) VALUES ('reader', 'read', 'book');
	SELECT wrk.jwt_key_import('} . key_jwk() . q{')});
is(ask($may), 't', 'a right arrives');
is(ask('SELECT pg_temp.known()'), 't', 'and a key');

replicate(q{DELETE FROM wrk.permission WHERE role = 'reader'; SELECT wrk.jwt_key_retire('tap')});
is(ask($may), 'f', 'a right goes');
is(ask('SELECT pg_temp.known()'), 'f', 'and a key');

replicate(q{INSERT INTO wrk.permission (role, action, resource_type) VALUES ('reader', 'read', 'book')});
is(ask($may), 't', 'the right comes again');
replicate('TRUNCATE wrk.permission');
is(ask($may), 'f', 'and goes with all the others');

$in .= "\\q\n";
$session->finish;
$replica->stop;
$primary->stop;
done_testing();
